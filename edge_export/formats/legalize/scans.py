"""Running products, extremes and sums of exponentials → log₂ n combinations of the whole with itself, moved.

    x[s:] = combine(x[:−s], x[s:])   for s = 1, 2, 4, … below n

(Hillis and Steele, "Data parallel algorithms", 1986.) `combine` is a product, the larger or smaller one, of equal
ones the later, or ln(e^a + e^b) = max(a, b) + ln(1 + e^−|a − b|).

    cumsum of whole numbers    in int32, which is what onnx2tf's operator computes in
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Rule

_aten = torch.ops.aten
Parts = tuple[Tensor, ...]


def _scanned(parts: Parts, dim: int, combine: Callable[[Parts, Parts], Parts]) -> Parts:
    """Combines each place along `dim` with all before it."""
    size, step = parts[0].shape[dim], 1
    while step < size:
        earlier = tuple(each.narrow(dim, 0, size - step) for each in parts)
        later = tuple(each.narrow(dim, step, size - step) for each in parts)
        joined = combine(earlier, later)
        parts = tuple(torch.cat([each.narrow(dim, 0, step), new], dim) for each, new in zip(parts, joined, strict=True))
        step *= 2
    return parts


def _cumprod(x: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Tensor:
    x = x if dtype is None else x.to(dtype)
    return _scanned((x,), dim, lambda a, b: (a[0] * b[0],))[0] if x.dim() else x


def _running_count(x: Tensor, dim: int, *, dtype: torch.dtype | None = None) -> Any:
    made = dtype or (x.dtype if x.is_floating_point() else torch.int64)
    if made.is_floating_point or x.dtype == made == torch.int32:
        return NotImplemented
    return x.to(torch.int32).cumsum(dim, dtype=torch.int32).to(made)


def _extreme(is_more: Callable[[Tensor, Tensor], Tensor]) -> Any:
    def extreme(x: Tensor, dim: int) -> Any:
        if not x.dim():
            return x, torch.zeros((), dtype=torch.int64)
        shape = [1] * x.dim()
        shape[dim] = x.shape[dim]
        places = torch.arange(x.shape[dim], dtype=torch.float32).reshape(shape).expand(x.shape)

        def later(a: Parts, b: Parts) -> Parts:
            takes = is_more(b[0], a[0])
            if x.is_floating_point():
                takes = torch.logical_or(takes, b[0] != b[0])  # NaN stays until a later one
            return tuple(torch.where(takes, new, old) for old, new in zip(a, b, strict=True))

        values, found = _scanned((x, places), dim, later)
        return values, found.to(torch.int64)

    return extreme


def _log_sum(a: Parts, b: Parts) -> Parts:
    most, least = torch.maximum(a[0], b[0]), torch.minimum(a[0], b[0])
    zero = torch.zeros([1] * most.dim(), dtype=most.dtype)
    apart = torch.where(most == least, zero, least - most)  # of equal infinities, too
    return (most + torch.log(1.0 + torch.exp(apart)),)


def _logcumsumexp(x: Tensor, dim: int) -> Tensor:
    return _scanned((x,), dim, _log_sum)[0] if x.dim() else x


RULE = Rule(
    "running values",
    ("executorch", "coreml", "tflite"),
    {
        _aten.cumprod.default: _cumprod,
        _aten.cummax.default: _extreme(torch.ge),
        _aten.cummin.default: _extreme(torch.le),
    },
)
COUNTS = Rule("running counts", ("tflite",), {_aten.cumsum.default: _running_count})
EXPONENTIALS = Rule(
    "running sums of exponentials", ("executorch", "coreml"), {_aten.logcumsumexp.default: _logcumsumexp}
)
