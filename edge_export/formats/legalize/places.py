"""The place of the largest or smallest value → the first of the places that hold it.

    argmax(x)      min over i of (i, or i + the size where x_i is less than max x)
    max(x, dim)    max x, and this place

Core ML's documentation guarantees no place among equal values; PyTorch gives the first.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten


def _first(largest: bool) -> Any:
    def place(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
        if not x.dim() or x.dtype == torch.bool:
            return NotImplemented
        if dim is None:
            found = place(x.reshape(-1), 0)
            return found.reshape([1] * x.dim()) if keepdim else found
        size = x.shape[dim]
        shape = [size if axis == dim % x.dim() else 1 for axis in range(x.dim())]
        order = torch.arange(size, dtype=torch.int32).reshape(shape)
        worse = x < x.amax(dim, keepdim=True) if largest else x > x.amin(dim, keepdim=True)
        return (order + worse.to(torch.int32) * size).amin(dim, keepdim=keepdim).to(torch.int64)

    return place


def _with_value(largest: bool) -> Any:
    first = _first(largest)

    def extreme(x: Tensor, dim: int, keepdim: bool = False) -> Any:
        place = first(x, dim, keepdim)
        if place is NotImplemented:
            return place
        return (x.amax(dim, keepdim) if largest else x.amin(dim, keepdim)), place

    return extreme


RULE = Rule(
    "places",
    ("coreml",),
    {
        _aten.argmax.default: _first(True),
        _aten.argmin.default: _first(False),
        _aten.max.dim: _with_value(True),
        _aten.min.dim: _with_value(False),
    },
)
