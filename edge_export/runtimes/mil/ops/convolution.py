"""Convolutions over one, two or three spatial axes of (batch, channels, …)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from edge_export.files.arrays import Array
from edge_export.runtimes.mil.ops.windows import padded, paddings, windows


def conv(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    strides: Array | None = None,
    pad_type: str = "valid",
    pad: Array | None = None,
    dilations: Array | None = None,
    groups: Any = 1,
) -> Array:
    """Convolves `x`. `weight` is (outputs, channels / groups, *kernel), `bias` is (outputs,)."""
    axes, kernel, count = x.ndim - 2, weight.shape[2:], int(groups)
    stride, dilation = _or_ones(strides, axes), _or_ones(dilations, axes)
    x = padded(x, paddings(pad_type, pad, x.shape[2:], kernel, stride, dilation), 0)
    if weight.shape[1] * count != x.shape[1] or len(weight) % count:
        raise ValueError(f"weights {list(weight.shape)} in {count} groups do not fit {x.shape[1]} channels")
    view = windows(x, kernel, stride, dilation)
    result = _depthwise(view, weight) if weight.shape[1] == 1 and count > 1 else _grouped(view, weight, count)
    return result if bias is None else result + bias.reshape(-1, *[1] * axes)


def _grouped(view: Array, weight: Array, groups: int) -> Array:
    axes = weight.ndim - 2
    batch, channels, *counts = view.shape[: 2 + axes]
    # (batch, channels, *counts, *kernel) -> (batch, groups, channels / groups × kernel, positions)
    columns = view.transpose(0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes))
    columns = columns.reshape(batch, groups, channels // groups * int(np.prod(weight.shape[2:])), -1)
    rows = weight.reshape(groups, len(weight) // groups, -1)
    return np.matmul(rows, columns).reshape(batch, len(weight), *counts)


def _depthwise(view: Array, weight: Array) -> Array:
    """Convolves each input channel with its own weights: one pass over the image per tap, without matrix products."""
    axes, outputs = weight.ndim - 2, len(weight)
    view = view if view.shape[1] == outputs else np.repeat(view, outputs // view.shape[1], axis=1)
    result = np.zeros(view.shape[: 2 + axes], view.dtype)
    for taps in product(*map(range, weight.shape[2:])):
        here: Any = (..., *taps)
        result += view[here] * weight[:, 0][here].reshape(-1, *[1] * axes)
    return result


def conv_transpose(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    pad: Array | None = None,
    output_shape: Array | None = None,
    pad_type: str = "valid",
    strides: Array | None = None,
    dilations: Array | None = None,
    groups: Any = 1,
) -> Array:
    """Computes a transposed convolution. `weight` is (channels, outputs / groups, *kernel), `bias` is (outputs,).

    The whole result has (size - 1) stride + (kernel - 1) dilation + 1 elements per axis. `pad` elements are removed
    from its ends. If `output_shape` is larger than the result, zeros are appended.
    """
    axes, kernel, count = x.ndim - 2, weight.shape[2:], int(groups)
    stride, dilation = _or_ones(strides, axes), _or_ones(dilations, axes)
    batch, channels, *sizes = x.shape
    outputs = weight.shape[1] * count
    # (batch, groups, outputs / groups × kernel, positions)
    rows = weight.reshape(count, channels // count, -1).swapaxes(1, 2)
    columns = np.matmul(rows, x.reshape(batch, count, channels // count, -1))
    taps_first = columns.reshape(batch, outputs, *kernel, *sizes)
    whole = [(n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip(sizes, stride, kernel, dilation, strict=True)]
    starts, output_sizes = _cut(whole, sizes, stride, pad_type, pad, output_shape)
    room = [max(full, start + size) for full, start, size in zip(whole, starts, output_sizes, strict=True)]
    result = np.zeros((batch, outputs, *room), columns.dtype)
    for taps in product(*map(range, kernel)):
        places: Any = tuple(
            slice(tap * d, tap * d + (n - 1) * s + 1, s)
            for tap, d, n, s in zip(taps, dilation, sizes, stride, strict=True)
        )
        result[(..., *places)] += taps_first[(slice(None), slice(None), *taps)]
    cut: Any = tuple(slice(start, start + size) for start, size in zip(starts, output_sizes, strict=True))
    result = result[(..., *cut)]
    return result if bias is None else result + bias.reshape(-1, *[1] * axes)


def _cut(
    whole: list[int],
    sizes: list[int],
    strides: Sequence[int],
    pad_type: str,
    pad: Array | None,
    output_shape: Array | None,
) -> tuple[list[int], list[int]]:
    """Returns the start of the result in the whole result, and its sizes."""
    output_sizes = None if output_shape is None else output_shape.tolist()[2:]
    if pad_type in ("same", "same_lower"):
        output_sizes = output_sizes or [n * s for n, s in zip(sizes, strides, strict=True)]
        cut = [max(0, full - size) for full, size in zip(whole, output_sizes, strict=True)]
        return [n // 2 if pad_type == "same" else n - n // 2 for n in cut], output_sizes
    pads = paddings(pad_type, pad, sizes, sizes, strides, strides)
    rest = [full - before - after for full, (before, after) in zip(whole, pads, strict=True)]
    return [before for before, _ in pads], output_sizes or rest


def _or_ones(values: Array | None, count: int) -> list[int]:
    return [1] * count if values is None else values.tolist()
