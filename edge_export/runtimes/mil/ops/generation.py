"""Operators that generate values from sizes, and operators that sort."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_export.files.arrays import Array


def fill(shape: Array, value: Array | float = 0.0) -> Array:
    return np.full(shape.tolist(), value)


def fill_like(ref_tensor: Array, value: Array | float = 0.0) -> Array:
    return np.full(ref_tensor.shape, value)


def range_1d(start: Array, end: Array, step: Array) -> Array:
    return np.arange(start, end, step)


def shape(x: Array) -> Array:
    return np.array(x.shape, np.int32)


def one_hot(
    indices: Array,
    one_hot_vector_size: Array,
    axis: Array | int = -1,
    on_value: Array | int = 1,
    off_value: Array | int = 0,
) -> Array:
    """Adds an axis of `one_hot_vector_size` at `axis`. An index out of range gives only `off_value`."""
    hot = indices[..., None] == np.arange(int(one_hot_vector_size))
    return np.moveaxis(np.where(hot, on_value, off_value), -1, int(axis))


def cumsum(x: Array, axis: Array | int = 0, exclusive: Any = False, reverse: Any = False) -> Array:
    """Sums cumulatively. With `exclusive`, a sum leaves out its own element. With `reverse`, it starts at the end."""
    place = int(axis)
    values = np.flip(x, place) if reverse else x
    result = np.cumsum(values, axis=place, dtype=x.dtype)
    if exclusive:
        result = np.roll(result, 1, axis=place)
        result[(slice(None),) * (place % x.ndim) + (0,)] = 0
    return np.flip(result, place) if reverse else result


def argsort(x: Array, axis: Array | int = -1, ascending: Any = False) -> Array:
    """Returns the indices that sort `x`. The sort is stable."""
    return _order(x, int(axis), bool(ascending))


def topk(
    x: Array,
    k: Array | int = 1,
    axis: Array | int = -1,
    ascending: Any = False,
    sort: Any = True,
    return_indices: Any = True,
    output_indices_dtype: str = "int32",
) -> tuple[Array, ...]:
    """Returns the `k` largest values (with `ascending`, the smallest) and their indices, sorted. `k` = -1: all."""
    place, count = int(axis), int(k)
    chosen = np.take(_order(x, place, bool(ascending)), range(x.shape[place] if count == -1 else count), axis=place)
    values = np.take_along_axis(x, chosen, axis=place)
    return (values, chosen) if return_indices else (values,)


def non_zero(x: Array) -> Array:
    """Returns the indices of all elements that are not 0, (count, rank)."""
    return np.argwhere(x)


def _order(x: Array, axis: int, ascending: bool) -> Array:
    if ascending:
        return np.argsort(x, axis=axis, kind="stable")
    # Flipping twice makes a descending sort that is stable.
    backwards = np.flip(np.argsort(np.flip(x, axis), axis=axis, kind="stable"), axis)
    return x.shape[axis] - 1 - backwards
