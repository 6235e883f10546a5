"""Slices, gathers and scatters. An index out of range raises a ValueError; in Core ML the result is undefined.

So does a negative index where there is an argument `validate_indices`, which came with iOS 17: before, it counted from
the end, and since then Core ML's documentation calls it out of range.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_export.files.arrays import Array

_SCATTERS: dict[str, Any] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.true_divide,
    "max": np.maximum,
    "min": np.minimum,
}


def slice_by_index(
    x: Array,
    begin: Array,
    end: Array,
    stride: Array | None = None,
    begin_mask: Array | None = None,
    end_mask: Array | None = None,
    squeeze_mask: Array | None = None,
) -> Array:
    """Returns `x[begin:end:stride]` on each axis. Masks remove a bound, or select one element and remove its axis."""
    return x[_slices(x.ndim, begin, end, stride, begin_mask, end_mask, squeeze_mask)]


def fixed_slices(
    begin: Array,
    end: Array,
    stride: Array | None = None,
    begin_mask: Array | None = None,
    end_mask: Array | None = None,
    squeeze_mask: Array | None = None,
) -> Callable[[Array], Array]:
    """Returns `slice_by_index` as a function of `x`, for constant bounds."""
    places = _slices(len(begin), begin, end, stride, begin_mask, end_mask, squeeze_mask)
    return lambda x: x[places]


def slice_update(
    x: Array,
    update: Array,
    begin: Array,
    end: Array,
    stride: Array | None = None,
    begin_mask: Array | None = None,
    end_mask: Array | None = None,
    squeeze_mask: Array | None = None,
) -> Array:
    """Returns `x` with `update` in the slice that `slice_by_index` would return.

    Core ML does not load an update without axes.
    """
    if not update.ndim:
        raise ValueError("Core ML takes no update without axes")
    result = x.copy()
    place = _slices(x.ndim, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    result[place] = update.reshape(result[place].shape)
    return result


def slice_by_size(x: Array, begin: Array, size: Array) -> Array:
    """Returns `size` elements from `begin` on. -1: all remaining elements."""
    starts = [start % whole if start < 0 else start for start, whole in zip(begin.tolist(), x.shape, strict=True)]
    return x[tuple(slice(s, None if n == -1 else s + n) for s, n in zip(starts, size.tolist(), strict=True))]


def gather(
    x: Array, indices: Array, axis: Array | int = 0, batch_dims: Array | int = 0, validate_indices: Any = None
) -> Array:
    """Returns the elements `indices` along `axis`. The first `batch_dims` axes of `x` and `indices` correspond."""
    _require_no_negative(indices, validate_indices)
    together, place = int(batch_dims), int(axis) % x.ndim
    if not together:
        return np.take(x, indices, axis=place)
    shape = x.shape[:together]
    pairs = zip(x.reshape(-1, *x.shape[together:]), indices.reshape(-1, *indices.shape[together:]), strict=True)
    taken = np.stack([np.take(values, chosen, axis=place - together) for values, chosen in pairs])
    return taken.reshape(*shape, *taken.shape[1:])


def gather_along_axis(x: Array, indices: Array, axis: Array | int = 0, validate_indices: Any = None) -> Array:
    _require_no_negative(indices, validate_indices)
    return np.take_along_axis(x, indices.astype(np.int64), axis=int(axis))


def gather_nd(x: Array, indices: Array, batch_dims: Array | int = 0, validate_indices: Any = None) -> Array:
    """Returns elements of `x`. The last axis of `indices` indexes the axes of `x` after the first `batch_dims`."""
    _require_no_negative(indices, validate_indices)
    together = int(batch_dims)
    if not together:
        return x[tuple(np.moveaxis(indices, -1, 0))]
    pairs = zip(x.reshape(-1, *x.shape[together:]), indices.reshape(-1, *indices.shape[together:]), strict=True)
    taken = np.stack([values[tuple(np.moveaxis(chosen, -1, 0))] for values, chosen in pairs])
    return taken.reshape(*x.shape[:together], *taken.shape[1:])


def scatter(
    data: Array,
    indices: Array,
    updates: Array,
    axis: Array | int = 0,
    mode: str = "add",
    validate_indices: Any = None,
) -> Array:
    """Writes `updates` into `data` at `indices` (count,) along `axis`."""
    _require_no_negative(indices, validate_indices)
    place = (slice(None),) * (int(axis) % data.ndim)
    return _scattered(data, (*place, indices), updates, mode)


def scatter_along_axis(
    data: Array,
    indices: Array,
    updates: Array,
    axis: Array | int = 0,
    mode: str = "add",
    validate_indices: Any = None,
) -> Array:
    """Writes each of `updates` into `data` at its index along `axis`. All three arrays have the same rank."""
    _require_no_negative(indices, validate_indices)
    places: list[Any] = list(np.ogrid[tuple(slice(size) for size in indices.shape)])
    places[int(axis)] = indices
    return _scattered(data, tuple(places), updates, mode)


def scatter_nd(data: Array, indices: Array, updates: Array, mode: str = "add", validate_indices: Any = None) -> Array:
    """Writes `updates` into `data`. The last axis of `indices` indexes the first axes of `data`."""
    _require_no_negative(indices, validate_indices)
    return _scattered(data, tuple(np.moveaxis(indices, -1, 0)), updates, mode)


def _require_no_negative(indices: Array, validate_indices: Any) -> None:
    if validate_indices is not None and indices.size and indices.min() < 0:
        raise ValueError(f"the index {indices.min()} is negative, which Core ML does not define from iOS 17 on")


def _scattered(data: Array, places: tuple[Any, ...], updates: Array, mode: str) -> Array:
    result = data.copy()
    if mode == "update":
        result[places] = updates
    elif mode in _SCATTERS:
        _SCATTERS[mode].at(result, places, updates)
    else:
        raise ValueError(f"mode {mode!r} is unknown")
    return result


def _slices(
    rank: int,
    begin: Array,
    end: Array,
    stride: Array | None,
    begin_mask: Array | None,
    end_mask: Array | None,
    squeeze_mask: Array | None,
) -> tuple[slice | int, ...]:
    starts: list[Any] = begin.tolist()
    stops: list[Any] = end.tolist()
    steps: list[Any] = [None] * rank if stride is None else stride.tolist()
    if begin_mask is not None:
        starts = [None if drop else start for start, drop in zip(starts, begin_mask.tolist(), strict=True)]
    if end_mask is not None:
        stops = [None if drop else stop for stop, drop in zip(stops, end_mask.tolist(), strict=True)]
    places: list[slice | int] = [slice(*bounds) for bounds in zip(starts, stops, steps, strict=True)]
    if squeeze_mask is not None:
        squeezed = zip(places, starts, squeeze_mask.tolist(), strict=True)
        places = [(start or 0) if squeeze else place for place, start, squeeze in squeezed]
    return tuple(places)
