"""Operators that move values and compute nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edge_export.files.arrays import Array


def reshape(x: Array, shape: Array) -> Array:
    """Reshapes `x`. One size may be -1.

    A size of 0 copies the size of the axis of `x` at the same position from the end, or is 1 if there is no such axis.
    """
    sizes = shape.tolist()
    if 0 in sizes:
        known = [1] * (len(sizes) - x.ndim) + list(x.shape[max(0, x.ndim - len(sizes)) :])
        sizes = [size or same for size, same in zip(sizes, known, strict=True)]
    return x.reshape(sizes)


def reshape_like(
    x: Array, ref_tensors: list[Array], begins: list[Array], ends: list[Array], end_masks: list[Array]
) -> Array:
    """Reshapes `x` to the concatenated sizes of axes of the reference tensors."""
    sizes: list[int] = []
    for reference, begin, end, mask in zip(ref_tensors, begins, ends, end_masks, strict=True):
        sizes += reference.shape[int(begin) : None if mask else int(end)]
    return x.reshape(sizes)


def transpose(x: Array, perm: Array) -> Array:
    return x.transpose(perm.tolist())


def squeeze(x: Array, axes: Array | None = None) -> Array:
    """Removes `axes` of size 1 (None: all of them). Given axes of another size stay, as in PyTorch."""
    if axes is None:
        return x.squeeze()
    return x.squeeze(tuple(axis for axis in axes.tolist() if x.shape[axis] == 1))


def expand_dims(x: Array, axes: Array) -> Array:
    return np.expand_dims(x, tuple(axes.tolist()))


def flatten2d(x: Array, axis: Array | int = 1) -> Array:
    """Merges the axes before `axis` into one axis, and the others into another."""
    return x.reshape(math.prod(x.shape[: int(axis)]), -1)


def concat(values: list[Array], axis: Array | int, interleave: Any = False) -> Array:
    """Concatenates `values`. With `interleave`, their elements alternate."""
    place = int(axis)
    if not interleave:
        return np.concatenate([np.atleast_1d(value) for value in values], axis=place)
    stacked = np.stack(values, axis=place % values[0].ndim + 1)
    sizes = list(values[0].shape)
    sizes[place] *= len(values)
    return stacked.reshape(sizes)


def stack(values: list[Array], axis: Array | int) -> Array:
    return np.stack(values, axis=int(axis))


def split(
    x: Array, axis: Array | int, num_splits: Array | int | None = None, split_sizes: Array | None = None
) -> tuple[Array, ...]:
    """Splits `x` into parts of `split_sizes`, or into `num_splits` equal parts."""
    place = int(axis)
    if split_sizes is None:
        if num_splits is None:
            raise ValueError("neither the number nor the sizes of the parts are given")
        return tuple(np.split(x, int(num_splits), axis=place))
    sizes = split_sizes.tolist()
    if sum(sizes) != x.shape[place]:
        raise ValueError(f"parts of sizes {sizes} do not add up to {x.shape[place]}")
    return tuple(np.split(x, np.cumsum(sizes)[:-1], axis=place))


def tile(x: Array, reps: Array) -> Array:
    return np.tile(x, reps.tolist())


def reverse(x: Array, axes: Array | None = None) -> Array:
    return np.flip(x, None if axes is None else tuple(axes.tolist()))


def reverse_sequence(x: Array, lengths: Array, seq_axis: Array | int = 0, batch_axis: Array | int = 0) -> Array:
    """Reverses the first `lengths[i]` elements along `seq_axis` of each batch element `i`."""
    result = x.copy()
    target = np.moveaxis(result, (int(batch_axis), int(seq_axis)), (0, 1))
    source = np.moveaxis(x, (int(batch_axis), int(seq_axis)), (0, 1))
    for index, length in enumerate(lengths.tolist()):
        target[index, :length] = source[index, :length][::-1]
    return result


def pad(x: Array, pad: Array, mode: str = "constant", constant_val: Array | float = 0.0) -> Array:
    """Pads the last axes of `x`. `pad` holds the elements before and after each of them.

    Core ML reflects and repeats at the last two axes only: it does not load other programs.
    """
    if mode not in ("constant", "reflect", "replicate"):
        raise ValueError(f"mode {mode!r} is unknown")
    values = pad.reshape(-1, 2).tolist()
    widths = [[0, 0]] * (x.ndim - len(values)) + values
    if mode == "constant":
        return np.pad(x, widths, constant_values=float(constant_val))
    if any(map(any, widths[:-2])):
        raise ValueError(f"Core ML has no padding {mode!r} at other axes than the last two")
    if mode == "reflect" and any(most >= size for size, most in zip(x.shape, map(max, widths), strict=True) if most):
        raise ValueError(f"Core ML reflects no more than size - 1 elements, but they are {values}")
    return np.pad(x, widths, mode="reflect" if mode == "reflect" else "edge")


def sliding_windows(x: Array, axis: Array | int, size: Array | int, stride: Array | int = 1) -> Array:
    """Returns windows of `size` along `axis`. The next axis indexes the elements of a window."""
    place = int(axis) % x.ndim
    view = np.lib.stride_tricks.sliding_window_view(x, int(size), axis=place)
    return np.moveaxis(view[(slice(None),) * place + (slice(None, None, int(stride)),)], -1, place + 1)


def depth_to_space(x: Array, block_size: Array | int) -> Array:
    """Moves channels (block rows, block columns, channels) to space, for `x` (batch, channels, height, width)."""
    block = int(block_size)
    batch, channels, height, width = x.shape
    parts = x.reshape(batch, block, block, channels // block**2, height, width)
    return parts.transpose(0, 3, 4, 1, 5, 2).reshape(batch, channels // block**2, height * block, width * block)


def space_to_depth(x: Array, block_size: Array | int) -> Array:
    """Computes the inverse of `depth_to_space`."""
    block = int(block_size)
    batch, channels, height, width = x.shape
    parts = x.reshape(batch, channels, height // block, block, width // block, block)
    return parts.transpose(0, 3, 5, 1, 2, 4).reshape(batch, channels * block**2, height // block, width // block)


def pixel_shuffle(x: Array, upscale_factor: Array | int) -> Array:
    """Moves channels (channels, block rows, block columns) to space, as in PyTorch."""
    factor = int(upscale_factor)
    batch, channels, height, width = x.shape
    parts = x.reshape(batch, channels // factor**2, factor, factor, height, width)
    return parts.transpose(0, 1, 4, 2, 5, 3).reshape(batch, channels // factor**2, height * factor, width * factor)


def pixel_unshuffle(x: Array, downscale_factor: Array | int) -> Array:
    """Computes the inverse of `pixel_shuffle`."""
    factor = int(downscale_factor)
    batch, channels, height, width = x.shape
    parts = x.reshape(batch, channels, height // factor, factor, width // factor, factor)
    return parts.transpose(0, 1, 3, 5, 2, 4).reshape(batch, channels * factor**2, height // factor, width // factor)


def space_to_batch(x: Array, block_shape: Array, paddings: Array) -> Array:
    """Pads the spatial axes of `x` (batch, channels, height, width) and moves blocks to the front of the batch axis."""
    rows, columns = block_shape.tolist()
    x = np.pad(x, [[0, 0], [0, 0], *paddings.tolist()])
    batch, channels, height, width = x.shape
    parts = x.reshape(batch, channels, height // rows, rows, width // columns, columns)
    return parts.transpose(3, 5, 0, 1, 2, 4).reshape(batch * rows * columns, channels, height // rows, width // columns)


def batch_to_space(x: Array, block_shape: Array, crops: Array) -> Array:
    """Computes the inverse of `space_to_batch`."""
    rows, columns = block_shape.tolist()
    batch, channels, height, width = x.shape
    parts = x.reshape(rows, columns, batch // (rows * columns), channels, height, width)
    whole = parts.transpose(2, 3, 4, 0, 5, 1).reshape(-1, channels, height * rows, width * columns)
    (top, bottom), (left, right) = crops.tolist()
    return whole[:, :, top : height * rows - bottom, left : width * columns - right]


def crop(x: Array, crop_height: Array, crop_width: Array) -> Array:
    """Removes rows and columns at the ends of the last two axes."""
    (top, bottom), (left, right) = crop_height.reshape(-1).tolist(), crop_width.reshape(-1).tolist()
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


def band_part(x: Array, lower: Array | int = -1, upper: Array | int = -1) -> Array:
    """Sets the last two axes to zero outside of a band: `lower` diagonals below the main one, `upper` above.

    -1 keeps all diagonals on that side.
    """
    rows, columns = np.ogrid[: x.shape[-2], : x.shape[-1]]
    keep = np.ones(x.shape[-2:], bool)
    if int(lower) >= 0:
        keep &= rows - columns <= int(lower)
    if int(upper) >= 0:
        keep &= columns - rows <= int(upper)
    return np.where(keep, x, np.zeros((), x.dtype))
