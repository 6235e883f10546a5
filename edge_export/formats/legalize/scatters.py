"""Values that are written or added at places → comparisons of every place with every index along one axis.

    scatter(x, i, y)          y_k of the last k with i_k = j, x_j where there is none
    scatter_add, index_add    x_j + Σ_k y_k [i_k = j]
    scatter_reduce            x_j with all y_k of i_k = j, by product, mean, larger or smaller
    index_copy, index_fill    the same, with one index for a whole row
    index_put, put            the same of the flattened x; with a mask and one value: where(mask, y, x)
    max_unpool                scatter into zeros, of flattened pictures
    scatter(floats, i, 1)     scatter(floats, i, 1.0), which coremltools tells apart; bools as integers
    masked_scatter            the y whose place is the count of mask before it

Values are picked, not computed: nothing is multiplied by 0, so infinities and NaN stay where they are. m indices for n
places need n × m comparisons.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.products import product
from edge_export.formats.legalize.rule import Refused, Rule

_aten = torch.ops.aten
_MOST_PAIRS = 2**22
"""Comparisons in one call: 16 MB of float32."""


def _bounds(dtype: torch.dtype) -> tuple[float, float]:
    if dtype.is_floating_point:
        return -math.inf, math.inf
    limits = torch.iinfo(torch.int32 if dtype == torch.int64 else dtype)
    return limits.min, limits.max


def _too_many(x: Tensor, count: int) -> Refused | None:
    pairs = x.numel() * count
    if pairs <= _MOST_PAIRS:
        return None
    return Refused(f"{pairs:,} comparisons are more than {_MOST_PAIRS:,}: write fewer values")


def _hits(x: Tensor, index: Tensor) -> Tensor:
    """Returns which of the indices `(…, m)` is which place along the last axis of x, `(…, n, m)`."""
    places = torch.arange(x.shape[-1], dtype=torch.int32).unsqueeze(-1)
    return index.to(torch.int32).unsqueeze(-2) == places


def _whole(x: Tensor, each: Tensor, fill: float) -> Tensor:
    """Returns indices or values with `fill` where they are fewer than x has along the other axes."""
    missing = [0, 0]
    for size, given in zip(reversed(x.shape[:-1]), reversed(each.shape[:-1]), strict=True):
        missing += [0, size - given]
    return torch.nn.functional.pad(each, missing, value=fill) if any(missing) else each


def _last(x: Tensor, hits: Tensor, values: Tensor) -> Tensor:
    """Returns x `(…, n)` with the values `(…, m)` where they hit, of several the last one."""
    count = values.shape[-1]
    order = torch.arange(1, count + 1, dtype=torch.float32)
    latest = torch.where(hits, order, torch.zeros([1] * hits.dim())).amax(-1, keepdim=True)
    nothing = torch.zeros([1] * hits.dim(), dtype=torch.float32)
    chosen = torch.logical_and(hits, order == latest)
    dtype = torch.float32 if x.dtype == torch.bool else x.dtype
    picked = torch.where(chosen, values.to(dtype).unsqueeze(-2), nothing.to(dtype)).sum(-1, dtype=dtype)
    return torch.where(latest.squeeze(-1) > 0, picked, x.to(dtype)).to(x.dtype)


def _reduced(x: Tensor, hits: Tensor, values: Tensor, how: str, with_own: bool = True) -> Tensor:
    """Returns x `(…, n)` reduced with the values `(…, m)` that hit each place."""
    least, most = _bounds(x.dtype)
    start = {"sum": 0, "mean": 0, "prod": 1, "amax": least, "amin": most}[how]
    neutral = torch.full([1] * hits.dim(), start, dtype=x.dtype)
    each = torch.where(hits, values.unsqueeze(-2), neutral)
    count = hits.to(torch.float32).sum(-1)
    if how in ("sum", "mean"):
        found = each.sum(-1, dtype=x.dtype)
        found = x + found if with_own else found
        if how == "mean":
            found = found / torch.clamp(count + float(with_own), min=1.0).to(x.dtype)
    elif how == "prod":
        found = product(each, -1)
        found = x * found if with_own else found
    else:
        found = each.amax(-1) if how == "amax" else each.amin(-1)
        if with_own:
            found = torch.maximum(x, found) if how == "amax" else torch.minimum(x, found)
    return found if with_own else torch.where(count > 0, found, x)


def _along(x: Tensor, dim: int, index: Tensor, values: Any, put: Callable[[Tensor, Tensor, Tensor], Any]) -> Any:
    """Calls `put` with x, hits and values, all with `dim` last."""
    if not x.dim():
        x, index = x.reshape(1), index.reshape(1)
        values = values.reshape(1) if isinstance(values, Tensor) else values
        found = _along(x, 0, index, values, put)
        return found if isinstance(found, Refused) else found.reshape(())
    rows, places = x.movedim(dim, -1), index.movedim(dim, -1)
    if refused := _too_many(x, places.shape[-1]):
        return refused
    if isinstance(values, Tensor) and values.dim():
        # more values than indices are left out, as PyTorch does
        given = values.movedim(dim, -1)[tuple(slice(0, size) for size in places.shape)]
    else:
        given = torch.ones(places.shape, dtype=x.dtype) * values
    hits = _hits(rows, _whole(rows, places, -1))
    return put(rows, hits, _whole(rows, given, 0)).movedim(-1, dim)


_HOW = {"add": "sum", "multiply": "prod"}


def _scatter(x: Tensor, dim: int, index: Tensor, values: Any, *, reduce: str | None = None) -> Any:
    if not index.numel():
        return x
    if reduce is None:
        return _along(x, dim, index, values, _last)
    return _along(x, dim, index, values, lambda x, hits, given: _reduced(x, hits, given, _HOW[reduce]))


def _scatter_reduce(
    x: Tensor, dim: int, index: Tensor, values: Tensor, reduce: str, *, include_self: bool = True
) -> Any:
    if not index.numel():
        return x
    if reduce == "mean" and not x.is_floating_point():
        return Refused("means of integers have no other form")
    return _along(x, dim, index, values, lambda x, hits, given: _reduced(x, hits, given, reduce, include_self))


def _rows(index: Tensor, like: Tensor, dim: int) -> Tensor:
    """Returns one index for a whole row as one for each of its values."""
    shape = [1] * like.dim()
    if like.dim():
        shape[dim] = -1
    return index.reshape(shape).expand(like.shape)


def _index_add(x: Tensor, dim: int, index: Tensor, values: Tensor, *, alpha: float = 1) -> Any:
    given = values if alpha == 1 else values * alpha
    return _scatter_reduce(x, dim, _rows(index, values, dim), given, "sum")


def _index_reduce(x: Tensor, dim: int, index: Tensor, values: Tensor, reduce: str, *, include_self: bool = True) -> Any:
    return _scatter_reduce(x, dim, _rows(index, values, dim), values, reduce, include_self=include_self)


def _index_copy(x: Tensor, dim: int, index: Tensor, values: Tensor) -> Any:
    return _scatter(x, dim, _rows(index, values, dim), values)


def _index_fill(x: Tensor, dim: int, index: Tensor, value: Any) -> Any:
    size = x.shape[dim] if x.dim() else 1
    if not index.numel():
        return x
    hits = _hits(torch.zeros(size), _counted(index.reshape(-1), size)).to(torch.float32).amax(-1) > 0
    shape = [1] * x.dim()
    if x.dim():
        shape[dim] = size
    filled = (
        value.to(x.dtype).reshape([1] * x.dim())
        if isinstance(value, Tensor)
        else torch.full([1] * x.dim(), value, dtype=x.dtype)
    )
    return torch.where(hits.reshape(shape), filled, x)


def _counted(index: Tensor, size: int) -> Tensor:
    """Returns indices with the negative ones counted from the end."""
    index = index.to(torch.int32)
    return torch.where(index < 0, index + size, index)


def _index_put(x: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) -> Any:
    given = [index for index in indices if index is not None]
    if any(index.dtype in (torch.bool, torch.uint8) for index in given):
        return _masked(x, indices, values, accumulate)
    axes = [axis for axis, index in enumerate(indices) if index is not None]
    others = [axis for axis in range(x.dim()) if axis not in axes]
    flat: Any = 0
    for axis, index in zip(axes, given, strict=True):
        flat = flat * x.shape[axis] + _counted(index, x.shape[axis])
    shape = torch.broadcast_shapes(*(index.shape for index in given))
    count, rest = math.prod(shape), [x.shape[axis] for axis in others]
    # As PyTorch lays out what it reads: in place of the indexed axes if they are beside each other, else first.
    beside = axes == list(range(axes[0], axes[0] + len(axes)))
    first = axes[0] if beside else 0
    whole = values.expand(*rest[:first], *shape, *rest[first:])
    whole = whole.movedim(list(range(first, first + len(shape))), list(range(-len(shape), 0))) if shape else whole
    moved = x.permute(*others, *axes)
    rows = moved.reshape(math.prod(rest), -1)
    index = flat.expand(shape).reshape(1, count).expand(rows.shape[0], count)
    chosen = whole.reshape(rows.shape[0], count)
    found = _scatter_reduce(rows, 1, index, chosen, "sum") if accumulate else _scatter(rows, 1, index, chosen)
    if isinstance(found, Refused):
        return found
    order = [*others, *axes]
    return found.reshape(moved.shape).permute([order.index(axis) for axis in range(x.dim())])


def _masked(x: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool) -> Any:
    mask = indices[0]
    if len(indices) != 1 or mask is None or mask.dtype != torch.bool:
        return Refused("masks beside other indices have no other form")
    if values.numel() != 1:
        return Refused("how many values a mask takes depends on the input")
    wide = mask.reshape(*mask.shape, *[1] * (x.dim() - mask.dim()))
    value = values.to(x.dtype).reshape([1] * x.dim())
    return torch.where(wide, x + value if accumulate else value, x)


def _put(x: Tensor, index: Tensor, values: Tensor, accumulate: bool = False) -> Any:
    found = _index_put(x.reshape(-1), [index.reshape(-1)], values.reshape(-1), accumulate)
    return found if isinstance(found, Refused) else found.reshape(x.shape)


def _masked_scatter(x: Tensor, mask: Tensor, values: Tensor) -> Any:
    shape = torch.broadcast_shapes(x.shape, mask.shape)
    if refused := _too_many(values, math.prod(shape)):
        return refused
    x, mask = x.expand(shape), mask.expand(shape)
    before = torch.cumsum(mask.reshape(-1).to(torch.float32), 0) - 1.0
    chosen = before.clamp(0.0, float(values.numel() - 1)).to(torch.int64)
    picked = values.reshape(-1).index_select(0, chosen)
    return torch.where(mask, picked.reshape(shape), x)


def _unpooled(axes: int) -> Any:
    def unpool(x: Tensor, indices: Tensor, output_size: Sequence[int], *where: Any) -> Any:
        outer = x.shape[:-axes]
        size = list(output_size)[-axes:]
        rows, places = x.reshape(math.prod(outer), -1), indices.reshape(math.prod(outer), -1)
        whole = torch.zeros(math.prod(outer), math.prod(size), dtype=x.dtype)
        found = _scatter(whole, 1, places, rows)
        return found if isinstance(found, Refused) else found.reshape(*outer, *size)

    return unpool


def _as_scatter_add(x: Tensor, dim: int, index: Tensor, values: Tensor, *, alpha: float = 1) -> Any:
    if not x.dim() or not index.numel():
        return _index_add(x, dim, index, values, alpha=alpha)
    return torch.scatter_add(x, dim, _rows(index, values, dim), values if alpha == 1 else values * alpha)


def _as_scatter(x: Tensor, dim: int, index: Tensor, values: Tensor) -> Any:
    if not x.dim() or not index.numel():
        return _index_copy(x, dim, index, values)
    return torch.scatter(x, dim, _rows(index, values, dim), values)


def _with_fewer_values(scatter: Any) -> Any:
    def fewer(x: Tensor, dim: int, index: Tensor, values: Tensor, **reduce: Any) -> Any:
        if not x.dim() or not index.numel():
            return _scatter(x, dim, index, values, **reduce)
        if index.shape == values.shape:
            return NotImplemented
        return scatter(x, dim, index, values[tuple(slice(0, size) for size in index.shape)], **reduce)

    return fewer


def _of_one_type(scatter: Any) -> Any:
    def write(x: Tensor, dim: int, index: Tensor, value: Any, **reduce: Any) -> Any:
        if x.dtype == torch.bool:
            return scatter(x.to(torch.int32), dim, index, int(value), **reduce).to(torch.bool)
        if x.is_floating_point() and not isinstance(value, float):
            return scatter(x, dim, index, float(value), **reduce)
        return NotImplemented

    return write


def _scatter_add(x: Tensor, dim: int, index: Tensor, values: Tensor) -> Any:
    return _scatter(x, dim, index, values, reduce="add")


REDUCED = Rule(
    "values reduced or put at places",
    ("executorch", "coreml", "tflite"),
    {
        _aten.scatter_reduce.two: _scatter_reduce,
        _aten.index_reduce.default: _index_reduce,
        _aten.put.default: _put,
    },
)
SCATTERED = Rule(
    "scattered values",
    ("coreml", "tflite"),
    {
        _aten.index_put.default: _index_put,
        **dict.fromkeys((_aten.index_fill.int_Scalar, _aten.index_fill.int_Tensor), _index_fill),
        _aten.masked_scatter.default: _masked_scatter,
    },
)
ALONG = Rule(
    "values scattered along an axis",
    ("coreml",),
    {
        _aten.index_add.default: _as_scatter_add,
        _aten.index_copy.default: _as_scatter,
        _aten.scatter.src: _with_fewer_values(_aten.scatter.src),
        _aten.scatter.reduce: _with_fewer_values(_aten.scatter.reduce),
        _aten.scatter_add.default: _with_fewer_values(_aten.scatter_add.default),
    },
)
TYPED = Rule(
    "one value scattered among others of another type",
    ("coreml",),
    {
        _aten.scatter.value: _of_one_type(_aten.scatter.value),
        _aten.scatter.value_reduce: _of_one_type(_aten.scatter.value_reduce),
    },
)
UNPOOLED = Rule(
    "maxima in their places",
    ("tflite",),
    {_aten.max_unpool2d.default: _unpooled(2), _aten.max_unpool3d.default: _unpooled(3)},
)
COMPARED = Rule(
    "values scattered by comparisons",
    ("tflite",),
    {
        _aten.index_add.default: _index_add,
        _aten.index_copy.default: _index_copy,
        _aten.scatter_add.default: _scatter_add,
        **dict.fromkeys(
            (_aten.scatter.src, _aten.scatter.value, _aten.scatter.reduce, _aten.scatter.value_reduce), _scatter
        ),
    },
)
