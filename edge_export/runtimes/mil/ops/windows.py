"""The windows of convolutions and poolings over the spatial axes of (batch, channels, …)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_export.files.arrays import Array


def paddings(
    pad_type: str,
    pad: Array | None,
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[tuple[int, int]]:
    """Returns the number of elements to add before and after each spatial axis.

    "same" gives ceil(size / stride) windows, with the odd element after the end. "same_lower" has it before the start.

    Raises:
        ValueError: The type is unknown, or it is "custom" and paddings are missing.
    """
    if pad_type == "valid":
        return [(0, 0)] * len(sizes)
    if pad_type == "custom":
        if pad is None or pad.size != 2 * len(sizes):
            raise ValueError(f"pad_type is custom, but pad is {None if pad is None else pad.tolist()}")
        values = pad.reshape(-1).tolist()
        return list(zip(values[::2], values[1::2], strict=True))
    if pad_type not in ("same", "same_lower"):
        raise ValueError(f"pad_type {pad_type!r} is unknown")
    result = []
    for size, taps, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        total = max(0, (math.ceil(size / stride) - 1) * stride + (taps - 1) * dilation + 1 - size)
        less = total // 2
        result.append((less, total - less) if pad_type == "same" else (total - less, less))
    return result


def padded(x: Array, pads: Sequence[tuple[int, int]], value: float) -> Array:
    """Pads the spatial axes of `x` with `value`."""
    if not any(before or after for before, after in pads):
        return x
    result = np.full([*x.shape[:2], *(n + sum(p) for n, p in zip(x.shape[2:], pads, strict=True))], value, x.dtype)
    inner: tuple[Any, ...] = tuple(slice(before, before + n) for n, (before, _) in zip(x.shape[2:], pads, strict=True))
    result[(..., *inner)] = x
    return result


def windows(x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> Array:
    """Returns a view of all whole windows of a padded `x`: (batch, channels, *counts, *kernel)."""
    spans = [(taps - 1) * dilation + 1 for taps, dilation in zip(kernel, dilations, strict=True)]
    if min((size - span for size, span in zip(x.shape[2:], spans, strict=True)), default=0) < 0:
        raise ValueError(f"windows of {spans} do not fit into {list(x.shape[2:])}")
    axes: Any = tuple(range(2, x.ndim))  # numpy's type stubs accept one axis only
    view = np.lib.stride_tricks.sliding_window_view(x, tuple(spans), axis=axes)
    steps: list[Any] = [slice(None, None, stride) for stride in strides] + [
        slice(None, None, step) for step in dilations
    ]
    result: Array = view[(slice(None), slice(None), *steps)]
    return result
