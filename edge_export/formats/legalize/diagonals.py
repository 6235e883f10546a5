"""Diagonals and strided views → picked places.

diagonal, trace      index_select of the diagonal's places in the flattened matrix
diagonal_scatter     where(is on the diagonal, its value for that row, x)
as_strided           index_select of the places that the strides give in the flattened x
as_strided_scatter   where(is one of those places, its value, x)

coremltools keeps both axes of a diagonal, and no converter takes the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Refused, Rule


def _place(rows: int, columns: int, offset: int) -> tuple[int, int, int]:
    """Returns the row and the column where a diagonal begins, and its length."""
    row, column = max(0, -offset), max(0, offset)
    return row, column, min(rows - row, columns - column)


def _diagonal(x: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    matrix = x.movedim((dim1, dim2), (-2, -1))
    *rest, rows, columns = matrix.shape
    row, column, count = _place(rows, columns, offset)
    if count <= 0:
        return NotImplemented
    places = torch.arange(count) * (columns + 1) + row * columns + column
    return matrix.reshape(*rest, rows * columns).index_select(-1, places)


def _trace(x: Tensor) -> Any:
    y = _diagonal(x)
    return y if y is NotImplemented else y.sum(dtype=y.dtype if y.is_floating_point() else torch.int64)


def _diagonal_scatter(x: Tensor, values: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    matrix = x.movedim((dim1, dim2), (-2, -1))
    *_, rows, columns = matrix.shape
    row, _, count = _place(rows, columns, offset)
    if count <= 0:
        return NotImplemented
    of_row = torch.nn.functional.pad(values.to(x.dtype), (row, rows - row - count)).unsqueeze(-1)
    is_on = torch.ones(rows, columns).tril(offset).triu(offset) > 0
    return torch.where(is_on, of_row, matrix).movedim((-2, -1), (dim1, dim2))


def _places(x: Tensor, size: Sequence[int], stride: Sequence[int], offset: int | None) -> Tensor | Refused:
    """Returns the place in the flattened x of each value of a strided view."""
    begin = 0 if offset is None else offset - x.storage_offset()
    end = begin + sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    if not x.is_contiguous() or begin < 0 or end >= x.numel():
        return Refused("a strided view of what is itself a view depends on its memory: make it contiguous first")
    places = torch.full(list(size), int(begin))
    for axis, step in enumerate(stride):
        shape = [-1 if axis == other else 1 for other in range(len(size))]
        places = places + (torch.arange(size[axis]) * step).reshape(shape)
    return places


def _as_strided(x: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Any:
    places = _places(x, size, stride, storage_offset)
    if isinstance(places, Refused):
        return places
    return x.reshape(-1).index_select(0, places.reshape(-1)).reshape(list(size))


def _as_strided_scatter(
    x: Tensor, values: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Any:
    places = _places(x, size, stride, storage_offset)
    if isinstance(places, Refused):
        return places
    count = values.numel()
    each = torch.full([x.numel()], -1).scatter(0, places.reshape(-1), torch.arange(count))
    picked = values.to(x.dtype).reshape(-1).index_select(0, each.clamp(min=0))
    return torch.where(each >= 0, picked, x.reshape(-1)).reshape(x.shape)


_aten = torch.ops.aten
RULE = Rule(
    "diagonals",
    ("coreml",),
    {
        _aten.diagonal.default: _diagonal,
        _aten.diagonal_copy.default: _diagonal,
        _aten.trace.default: _trace,
    },
)
SCATTERED = Rule(
    "values scattered on a diagonal",
    ("executorch", "coreml", "tflite"),
    {_aten.diagonal_scatter.default: _diagonal_scatter},
)
STRIDED = Rule(
    "strided views",
    ("coreml", "tflite"),
    dict.fromkeys((_aten.as_strided.default, _aten.as_strided_copy.default), _as_strided),
)
STRIDED_SCATTERED = Rule(
    "values scattered on strided views",
    ("executorch", "coreml", "tflite"),
    {_aten.as_strided_scatter.default: _as_strided_scatter},
)
