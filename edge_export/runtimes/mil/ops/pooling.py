"""Pooling over one, two or three spatial axes of (batch, channels, …)."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_export.files.arrays import Array
from edge_export.runtimes.mil.ops.windows import padded, paddings, windows


def max_pool(
    x: Array,
    kernel_sizes: Array,
    strides: Array | None = None,
    pad_type: str = "valid",
    pad: Array | None = None,
    ceil_mode: Any = False,
) -> Array:
    view = _pooled(x, kernel_sizes, strides, pad_type, pad, ceil_mode, -np.inf)
    return view.max(axis=tuple(range(x.ndim, view.ndim)))


def avg_pool(
    x: Array,
    kernel_sizes: Array,
    strides: Array | None = None,
    pad_type: str = "valid",
    pad: Array | None = None,
    exclude_padding_from_average: Any = False,
    ceil_mode: Any = False,
) -> Array:
    """Averages each window. Padding counts as zeros, or not at all, and so do the elements that `ceil_mode` adds.

    PyTorch differs: it never counts the elements that `ceil_mode` adds.
    """
    view = _pooled(x, kernel_sizes, strides, pad_type, pad, ceil_mode, 0)
    axes = tuple(range(x.ndim, view.ndim))
    total = view.sum(axis=axes)
    if not exclude_padding_from_average:
        return total / np.float32(kernel_sizes.prod())
    inside = np.ones((1, 1, *x.shape[2:]), x.dtype)
    return total / _pooled(inside, kernel_sizes, strides, pad_type, pad, ceil_mode, 0).sum(axis=axes)


def l2_pool(
    x: Array,
    kernel_sizes: Array,
    strides: Array | None = None,
    pad_type: str = "valid",
    pad: Array | None = None,
    ceil_mode: Any = False,
) -> Array:
    """Returns the square root of each window's sum of squares."""
    view = _pooled(np.square(x), kernel_sizes, strides, pad_type, pad, ceil_mode, 0)
    return np.sqrt(view.sum(axis=tuple(range(x.ndim, view.ndim))))


def _pooled(
    x: Array, kernel_sizes: Array, strides: Array | None, pad_type: str, pad: Array | None, ceil_mode: Any, fill: float
) -> Array:
    """Returns the windows (batch, channels, *counts, *kernel) of `x`, padded with `fill`.

    With `ceil_mode`, a last window may extend past the end, but must start inside of the input or its leading padding.
    """
    kernel = kernel_sizes.tolist()
    step, ones = _strides(strides, kernel), [1] * len(kernel)
    pads = paddings(pad_type, pad, x.shape[2:], kernel, step, ones)
    extra = [0] * len(kernel)
    if ceil_mode:
        if any(before != after for before, after in pads):
            raise ValueError(f"Core ML rounds up only with the same padding at both ends, not with {pads}")
        for axis, (size, taps, stride, (before, after)) in enumerate(zip(x.shape[2:], kernel, step, pads, strict=True)):
            length = size + before + after
            count = -(-(length - taps) // stride) + 1
            if (count - 1) * stride >= size + before and before + after > 0:
                count -= 1
            extra[axis] = max(0, (count - 1) * stride + taps - length)
    x = padded(x, [(before, after + more) for (before, after), more in zip(pads, extra, strict=True)], fill)
    return windows(x, kernel, step, ones)


def _strides(strides: Array | None, kernel: list[int]) -> list[int]:
    return [1] * len(kernel) if strides is None else strides.tolist()
