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
    view, _ = _pooled(x, kernel_sizes, strides, pad_type, pad, ceil_mode, -np.inf)
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
    """Padding counts as zeros, or not at all; what `ceil_mode` adds beyond the padding never counts (as in PyTorch)."""
    view, extra = _pooled(x, kernel_sizes, strides, pad_type, pad, ceil_mode, 0)
    axes = tuple(range(x.ndim, view.ndim))
    total = view.sum(axis=axes)
    if not exclude_padding_from_average and not any(extra):
        return total / np.float32(kernel_sizes.prod())
    ones = np.ones((1, 1, *x.shape[2:]), x.dtype)
    if not exclude_padding_from_average:
        kernel = kernel_sizes.tolist()
        steps = kernel_sizes if strides is None else strides
        ones = padded(ones, paddings(pad_type, pad, x.shape[2:], kernel, steps.tolist(), [1] * len(kernel)), 1)
        counted = windows(
            padded(ones, [(0, n) for n in extra], 0), kernel, _strides(strides, kernel), [1] * len(kernel)
        )
    else:
        counted, _ = _pooled(ones, kernel_sizes, strides, pad_type, pad, ceil_mode, 0)
    return total / counted.sum(axis=axes)


def l2_pool(
    x: Array,
    kernel_sizes: Array,
    strides: Array | None = None,
    pad_type: str = "valid",
    pad: Array | None = None,
    ceil_mode: Any = False,
) -> Array:
    """The square root of each window's sum of squares."""
    view, _ = _pooled(np.square(x), kernel_sizes, strides, pad_type, pad, ceil_mode, 0)
    return np.sqrt(view.sum(axis=tuple(range(x.ndim, view.ndim))))


def _pooled(
    x: Array, kernel_sizes: Array, strides: Array | None, pad_type: str, pad: Array | None, ceil_mode: Any, fill: float
) -> tuple[Array, list[int]]:
    """The windows (batch, channels, *counts, *kernel), and what `ceil_mode` added to the end of each axis.

    With `ceil_mode` a last window may hang over the end, but must start inside the input or its leading padding.
    """
    kernel = kernel_sizes.tolist()
    step, ones = _strides(strides, kernel), [1] * len(kernel)
    pads = paddings(pad_type, pad, x.shape[2:], kernel, step, ones)
    extra = [0] * len(kernel)
    if ceil_mode:
        for axis, (size, taps, stride, (before, after)) in enumerate(zip(x.shape[2:], kernel, step, pads, strict=True)):
            length = size + before + after
            count = -(-(length - taps) // stride) + 1
            if (count - 1) * stride >= size + before and before + after > 0:
                count -= 1
            extra[axis] = max(0, (count - 1) * stride + taps - length)
    x = padded(x, [(before, after + more) for (before, after), more in zip(pads, extra, strict=True)], fill)
    return windows(x, kernel, step, ones), extra


def _strides(strides: Array | None, kernel: list[int]) -> list[int]:
    return [1] * len(kernel) if strides is None else strides.tolist()
