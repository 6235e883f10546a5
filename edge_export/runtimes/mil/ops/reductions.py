"""Reductions over axes. `axes` None: all axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_export.files.arrays import Array


def reduce_sum(x: Array, axes: Array | None = None, keep_dims: Any = False) -> Array:
    return np.sum(x, axis=_axes(axes), keepdims=bool(keep_dims))


def reduce_mean(x: Array, axes: Array | None = None, keep_dims: Any = False) -> Array:
    return np.mean(x, axis=_axes(axes), keepdims=bool(keep_dims))


def reduce_max(x: Array, axes: Array | None = None, keep_dims: Any = False) -> Array:
    return np.max(x, axis=_axes(axes), keepdims=bool(keep_dims))


def reduce_min(x: Array, axes: Array | None = None, keep_dims: Any = False) -> Array:
    return np.min(x, axis=_axes(axes), keepdims=bool(keep_dims))


def reduce_prod(x: Array, axes: Array | None = None, keep_dims: Any = False) -> Array:
    return np.prod(x, axis=_axes(axes), keepdims=bool(keep_dims))


def reduce_l1_norm(x: Array, axes: Array | None = None, keep_dims: Any = False) -> Array:
    return reduce_sum(np.abs(x), axes, keep_dims)


def reduce_l2_norm(x: Array, axes: Array | None = None, keep_dims: Any = False) -> Array:
    return np.sqrt(reduce_sum_square(x, axes, keep_dims))


def reduce_sum_square(x: Array, axes: Array | None = None, keep_dims: Any = False) -> Array:
    return reduce_sum(np.square(x), axes, keep_dims)


def reduce_log_sum(x: Array, axes: Array | None = None, keep_dims: Any = False) -> Array:
    return np.log(reduce_sum(x, axes, keep_dims))


def reduce_log_sum_exp(x: Array, axes: Array | None = None, keep_dims: Any = False) -> Array:
    largest = reduce_max(x, axes, True)
    largest = np.where(np.isfinite(largest), largest, 0)
    total = np.log(reduce_sum(np.exp(x - largest), axes, True)) + largest
    return total if keep_dims else total.squeeze(axis=_axes(axes))


def reduce_argmax(x: Array, axis: Array | int = -1, keep_dims: Any = False, output_dtype: str = "int32") -> Array:
    """Returns the first index among equal values. The evaluator rounds to `output_dtype`."""
    return np.argmax(x, axis=int(axis), keepdims=bool(keep_dims))


def reduce_argmin(x: Array, axis: Array | int = -1, keep_dims: Any = False, output_dtype: str = "int32") -> Array:
    """Returns the first index among equal values. The evaluator rounds to `output_dtype`."""
    return np.argmin(x, axis=int(axis), keepdims=bool(keep_dims))


def _axes(axes: Array | None) -> tuple[int, ...] | None:
    return None if axes is None else tuple(axes.tolist())
