"""Sorting, order statistics and searching → comparisons of all pairs along an axis of fixed size.

    rank of x_i     Σ_j [x_j before x_i]; of equal values the first one comes first, NaN is the largest
    k-th value      Σ_i x_i where rank of x_i = k, elsewhere 0; its place likewise
    quantile        between the values of the ranks ⌊q (n − 1)⌋ and ⌈q (n − 1)⌉
    searchsorted    Σ_j [s_j < v], with right ≤; NaN comes behind everything

The values are picked, not computed: they are the same bits. n values need n² comparisons; the places are exact below
2²⁴. Only orders by ranks keep the first of equal values first, on every device. Where comparisons would be too many, a
`topk` of all values orders them, and equal ones come in any order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.rule import Refused, Rule

_aten = torch.ops.aten
_MOST_PAIRS = 2**22
"""Comparisons in one call: 16 MB of float32."""


def _is_too_large(x: Tensor, dim: int, other: int | None = None) -> Refused | None:
    size = x.shape[dim] if x.dim() else 1
    pairs = x.numel() * (size if other is None else other)
    if pairs <= _MOST_PAIRS:
        return None
    return Refused(f"{pairs:,} comparisons are more than {_MOST_PAIRS:,}: order fewer values")


def _ranks(x: Tensor, descending: bool = False) -> Tensor:
    """Returns the place of every value along the last axis in sorted order, in float32."""
    size = x.shape[-1]
    mine, other = x.unsqueeze(-1), x.unsqueeze(-2)
    earlier = (torch.arange(size).unsqueeze(0) < torch.arange(size).unsqueeze(1)).to(torch.float32)
    smaller = (mine < other) if descending else (other < mine)
    before = smaller.to(torch.float32) + (other == mine).to(torch.float32) * earlier
    if x.is_floating_point():
        mine_nan, other_nan = ((each != each).to(torch.float32) for each in (mine, other))
        both = mine_nan * other_nan * earlier
        first, second = (other_nan, mine_nan) if descending else (mine_nan, other_nan)
        before = before + first * (1.0 - second) + both
    return before.sum(-1)


def _picked(x: Tensor, wanted: Tensor, descending: bool = False) -> tuple[Tensor, Tensor]:
    """Returns the values of the wanted ranks `(…, k)` along the last axis of rows `(…, n)`, and their places."""
    if _is_too_large(x, -1):
        ordered, places = torch.topk(x, x.shape[-1], largest=descending)
        rank = wanted.to(torch.int64).expand(*x.shape[:-1], wanted.shape[-1])
        return ordered.gather(-1, rank), places.gather(-1, rank)
    chosen = _ranks(x, descending).unsqueeze(-2) == wanted.unsqueeze(-1)
    nothing = torch.zeros([1] * chosen.dim(), dtype=x.dtype)
    values = torch.where(chosen, x.unsqueeze(-2), nothing).sum(-1, dtype=x.dtype)
    places = (chosen.to(torch.float32) * torch.arange(x.shape[-1], dtype=torch.float32)).sum(-1)
    return values, places.to(torch.int64)


def _as_rows(x: Tensor, dim: int) -> Tensor:
    """Returns x as rows `(m, n)` along `dim`: onnx2tf mixes up more axes of one size, and Core ML has at most five."""
    return x.reshape(1, 1) if not x.dim() else (moved := x.movedim(dim, -1)).reshape(-1, moved.shape[-1])


def _from_rows(found: tuple[Tensor, ...], x: Tensor, dim: int) -> tuple[Tensor, ...]:
    """Returns what was found in each row `(m, k)` with the axes of x, and k along `dim`."""
    if not x.dim():
        return tuple(each.reshape(()) for each in found)
    shape = x.movedim(dim, -1).shape[:-1]
    return tuple(each.reshape(*shape, -1).movedim(-1, dim) for each in found)


def _of_ranks(x: Tensor, dim: int, first: int, count: int | None, descending: bool = False) -> Any:
    """Returns `count` values from rank `first` on along `dim`, and their places; None: all."""
    rows = _as_rows(x, dim)
    wanted = torch.arange(first, first + (rows.shape[-1] if count is None else count), dtype=torch.float32)
    return _from_rows(_picked(rows, wanted.unsqueeze(0), descending), x, dim)


def _sort(x: Tensor, dim: int = -1, descending: bool = False) -> Any:
    return _of_ranks(x, dim, 0, None, descending)


def _sort_stable(x: Tensor, *, stable: bool | None = None, dim: int = -1, descending: bool = False) -> Any:
    refused = _is_too_large(x, dim) if stable else None
    return refused or _sort(x, dim, descending)


def _argsort(x: Tensor, dim: int = -1, descending: bool = False) -> Any:
    return _sort(x, dim, descending)[1]


def _argsort_stable(x: Tensor, *, stable: bool, dim: int = -1, descending: bool = False) -> Any:
    found = _sort_stable(x, stable=stable, dim=dim, descending=descending)
    return found if isinstance(found, Refused) else found[1]


def _msort(x: Tensor) -> Any:
    return _sort(x, 0)[0]


def _kthvalue(x: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    found = _of_ranks(x, dim, k - 1, 1)
    return found if keepdim or not x.dim() else tuple(each.squeeze(dim) for each in found)


def _median(x: Tensor, dim: int, keepdim: bool = False, ignore_nan: bool = False) -> Any:
    """The lower one of two medians. With a NaN in a row it is NaN, unless `ignore_nan`."""
    rows = _as_rows(x, dim)
    size = rows.shape[-1]
    if rows.is_floating_point():
        missing = (rows != rows).to(torch.float32).sum(-1, keepdim=True)
        numbers = float(size) - missing
        half = torch.floor((numbers - 1.0) * 0.5).clamp(min=0.0)
        # NaN has the highest ranks: the first one's is the count of numbers
        wanted = half if ignore_nan else torch.where(missing > 0, numbers, half)
    else:
        wanted = torch.full([1, 1], float((size - 1) // 2))
    found = _from_rows(_picked(rows, wanted), x, dim)
    return found if keepdim or not x.dim() else tuple(each.squeeze(dim) for each in found)


def _median_of_all(ignore_nan: bool) -> Any:
    def median(x: Tensor) -> Any:
        return _median(x.reshape(-1), 0, ignore_nan=ignore_nan)[0]

    return median


def _nanmedian(x: Tensor, dim: int, keepdim: bool = False) -> Any:
    return _median(x, dim, keepdim, ignore_nan=True)


def _quantile_of(ignore_nan: bool) -> Any:
    def quantile(
        x: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
    ) -> Any:
        rows = x.reshape(1, -1) if dim is None else _as_rows(x, dim)
        wanted = q.reshape(-1) if isinstance(q, Tensor) else torch.tensor([q], dtype=x.dtype)
        missing = (rows != rows).to(x.dtype).sum(-1, keepdim=True)
        numbers = torch.relu(float(rows.shape[-1] - 1) - missing) if ignore_nan else float(rows.shape[-1] - 1)
        place = (wanted * numbers).expand(len(rows), len(wanted))
        if interpolation == "nearest":
            place = torch.round(place)
        below, above = torch.floor(place), torch.ceil(place)
        low, high = (_picked(rows, each.to(torch.float32))[0] for each in (below, above))
        share = {"lower": 0.0, "higher": 1.0, "midpoint": 0.5}.get(interpolation, place - below)
        y = torch.where(below == above, low, low + (high - low) * share)
        if not ignore_nan:
            nothing = torch.relu(-missing)
            y = torch.where(missing > 0, nothing / nothing, y)  # NaN; a constant that is NaN is taken for damage
        left = [] if dim is None or not x.dim() else list(x.movedim(dim, -1).shape[:-1])
        y = y.reshape(*left, -1)
        if keepdim:
            y = y.reshape(*[1] * x.dim(), -1) if dim is None else y.unsqueeze(dim % max(x.dim(), 1))
        return y.movedim(-1, 0) if isinstance(q, Tensor) and q.dim() else y.squeeze(-1)

    return quantile


def _count_below(edges: Tensor, x: Tensor, right: bool, out_int32: bool) -> Any:
    """Returns how many of the ascending edges `(…, n)` come before each value `(…, m)`."""
    if not x.dim():
        found = _count_below(edges, x.reshape(1), right, out_int32)
        return found if isinstance(found, Refused) else found.reshape(())
    if refused := _is_too_large(x, -1, edges.shape[-1]):
        return refused
    value = x.reshape(-1, 1) if edges.dim() == 1 else x.reshape(-1, x.shape[-1], 1)
    edges = edges.reshape(-1, *[1] * (value.dim() - 2), edges.shape[-1])
    behind = (edges > value) if right else (edges >= value)
    count = (1.0 - behind.to(torch.float32)).sum(-1).reshape(x.shape)
    return count.to(torch.int32 if out_int32 else torch.int64)


def _bucketize(x: Tensor, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Any:
    return _count_below(boundaries, x, right, out_int32)


def _searchsorted(
    edges: Tensor,
    x: Tensor,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Any:
    edges = edges if sorter is None else torch.gather(edges, -1, sorter)
    return _count_below(edges, x, right or side == "right", out_int32)


ORDERED = Rule(
    "sorted values",
    ("executorch", "coreml"),
    {_aten.sort.default: _sort, _aten.argsort.default: _argsort, _aten.msort.default: _msort},
)
STABLE = Rule(
    "values sorted in a stable order",
    ("executorch", "coreml", "tflite"),
    {_aten.sort.stable: _sort_stable, _aten.argsort.stable: _argsort_stable},
)
STATISTICS = Rule(
    "order statistics",
    ("executorch", "coreml", "tflite"),
    {
        _aten.kthvalue.default: _kthvalue,
        _aten.median.dim: _median,
        _aten.median.default: _median_of_all(ignore_nan=False),
    },
)
WITHOUT_NAN = Rule(
    "order statistics without NaN",
    ("executorch", "coreml", "tflite"),
    {_aten.nanmedian.dim: _nanmedian, _aten.nanmedian.default: _median_of_all(ignore_nan=True)},
)
QUANTILES = Rule(
    "quantiles",
    ("executorch", "coreml"),
    {
        **dict.fromkeys((_aten.quantile.default, _aten.quantile.scalar), _quantile_of(ignore_nan=False)),
        **dict.fromkeys((_aten.nanquantile.default, _aten.nanquantile.scalar), _quantile_of(ignore_nan=True)),
    },
)
SEARCHED = Rule(
    "searched values",
    ("executorch", "coreml", "tflite"),
    {_aten.bucketize.Tensor: _bucketize, _aten.searchsorted.Tensor: _searchsorted},
)
