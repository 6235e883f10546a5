"""Copies, moves and casts that change nothing else → what is left of them.

to(…, non_blocking)       a cast: ExecuTorch's kernel only waits
softmax to another type   a cast, then softmax: ExecuTorch's kernel does not cast
squeeze                   x itself, where no axis has one place: torch's ONNX exporter fails on it
narrow_copy, unbind_copy  the same as views
zero_                     a constant: onnx2tf loses it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten


def _moved(x: Tensor, *, dtype: torch.dtype | None = None, non_blocking: bool = False, **options: Any) -> Any:
    if not non_blocking:
        return NotImplemented
    return x.clone() if dtype in (None, x.dtype) else x.to(dtype)


def _to_device(x: Tensor, device: Any, dtype: torch.dtype, non_blocking: bool = False, *options: Any) -> Any:
    return _moved(x, dtype=dtype, non_blocking=non_blocking)


def _to_type(x: Tensor, dtype: torch.dtype, non_blocking: bool = False, *options: Any) -> Any:
    return _moved(x, dtype=dtype, non_blocking=non_blocking)


def _narrow(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    return x.narrow(dim, start, length)


def _unbind(x: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    return x.unbind(dim)


def _cast_first(operator: Any) -> Any:
    def apply(x: Tensor, dim: int, dtype: torch.dtype | None = None) -> Any:
        return NotImplemented if dtype in (None, x.dtype) else operator(x.to(dtype), dim)

    return apply


def _squeezed(x: Tensor, dim: Sequence[int]) -> Any:
    return x if all(x.shape[axis] != 1 for axis in dim) else NotImplemented


def _zeros(x: Tensor) -> Tensor:
    return torch.zeros(x.shape, dtype=x.dtype)


MOVED = Rule(
    "moves between devices",
    ("executorch",),
    {
        _aten.to.device: _to_device,
        _aten.to.dtype: _to_type,
        **dict.fromkeys((_aten.to.dtype_layout, _aten._to_copy.default), _moved),
    },
)
CAST = Rule(
    "casts within softmax",
    ("executorch",),
    {operator: _cast_first(operator) for operator in (_aten.softmax.int, _aten.log_softmax.int)},
)
SQUEEZED = Rule("axes that stay", ("tflite",), {_aten.squeeze.dims: _squeezed})
COPIES = Rule(
    "copies of views",
    ("executorch", "coreml"),
    {_aten.narrow_copy.default: _narrow, _aten.unbind_copy.int: _unbind},
)
ZEROS = Rule("zeros in place", ("tflite",), {_aten.zero.default: _zeros})
