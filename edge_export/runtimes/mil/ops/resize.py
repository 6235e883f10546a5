"""Resizing and sampling of the last axes. A point between two values is interpolated linearly."""

from __future__ import annotations

from typing import Any

import numpy as np

from edge_export.files.arrays import Array


def upsample_nearest_neighbor(
    x: Array, scale_factor_height: Array | float = 1, scale_factor_width: Array | float = 1
) -> Array:
    height, width = _scaled(x, scale_factor_height, scale_factor_width)
    return resize_nearest_neighbor(x, height, width)


def resize_nearest_neighbor(x: Array, target_size_height: Array | int, target_size_width: Array | int) -> Array:
    """Resizes the last two axes. An element has the value at the lower end of its interval, like PyTorch's nearest."""
    for axis, size in ((-2, int(target_size_height)), (-1, int(target_size_width))):
        x = np.take(x, np.arange(size) * x.shape[axis] // size, axis=axis)
    return x


def upsample_bilinear(
    x: Array,
    scale_factor_height: Array | float = 1,
    scale_factor_width: Array | float = 1,
    align_corners: Any = True,
    half_pixel_centers: Any = None,
) -> Array:
    """Resizes the last two axes. The scale is the ratio of the integer sizes, not the scale factor."""
    half = not align_corners if half_pixel_centers is None else bool(half_pixel_centers)
    mode = "STRICT_ALIGN_CORNERS" if align_corners else "UNALIGN_CORNERS" if half else "DEFAULT"
    height, width = _scaled(x, scale_factor_height, scale_factor_width)
    return resize_bilinear(x, height, width, mode)


def resize_bilinear(
    x: Array, target_size_height: Array | int = 1, target_size_width: Array | int = 1, sampling_mode: str = "DEFAULT"
) -> Array:
    for axis, size in ((-2, int(target_size_height)), (-1, int(target_size_width))):
        x = _linear(x, axis, _grid(x.shape[axis], size, sampling_mode))
    return x


def resize(
    x: Array,
    shape: Array,
    resized_dims: Array,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Array:
    """Resizes the last `resized_dims` axes to the last sizes of `shape`. A size of 0 keeps an axis.

    NEAREST_NEIGHBOR rounds each grid point. Core ML does not document which of two equally near points it uses. This
    function uses the lower one.
    """
    count = int(resized_dims)
    for axis, size in zip(range(-count, 0), shape.tolist()[len(shape) - count :], strict=True):
        if size == 0:
            continue
        grid = _grid(x.shape[axis], size, sampling_mode)
        if interpolation_mode == "LINEAR":
            x = _linear(x, axis, grid)
        elif interpolation_mode == "NEAREST_NEIGHBOR":
            x = np.take(x, np.ceil(grid - 0.5).astype(int), axis=axis)
        else:
            raise ValueError(f"interpolation_mode {interpolation_mode!r} is unknown")
    return x


def resample(
    x: Array,
    coordinates: Array,
    sampling_mode: str,
    padding_mode: str,
    padding_value: Array | float,
    coordinates_mode: str,
    align_corners: Any,
) -> Array:
    """Samples `x` (batch, channels, height, width) at points (batch, rows, columns, 2), as PyTorch's grid_sample.

    A point is (x, y). "reflection" mirrors at the outermost values, "symmetric" at their outer edges.
    """
    height, width = x.shape[2:]
    column = _unnormalized(coordinates[..., 0], width, coordinates_mode, bool(align_corners))
    row = _unnormalized(coordinates[..., 1], height, coordinates_mode, bool(align_corners))
    row, column = _folded(row, height, padding_mode), _folded(column, width, padding_mode)
    fill = float(padding_value) if padding_mode == "constant" else 0.0
    if sampling_mode == "nearest":
        return _at(x, np.rint(row), np.rint(column), fill)
    if sampling_mode != "bilinear":
        raise ValueError(f"sampling_mode {sampling_mode!r} is unknown")
    top, left = np.floor(row), np.floor(column)
    down, right = (row - top)[:, None], (column - left)[:, None]
    upper = _at(x, top, left, fill) * (1 - right) + _at(x, top, left + 1, fill) * right
    lower = _at(x, top + 1, left, fill) * (1 - right) + _at(x, top + 1, left + 1, fill) * right
    return upper * (1 - down) + lower * down


def affine(
    x: Array,
    transform_matrix: Array,
    output_height: Array | int,
    output_width: Array | int,
    sampling_mode: str,
    padding_mode: str,
    padding_value: Array | float,
    coordinates_mode: str,
    align_corners: Any,
) -> Array:
    """Calls `resample` at the points of a grid from -1 to 1, transformed by (2 × 3) matrices (batch or 1, 6).

    Core ML documents no other options than these.
    """
    if not align_corners or padding_mode != "constant" or float(padding_value) or sampling_mode != "bilinear":
        raise ValueError("Core ML has it only bilinear, with aligned corners and zeros around the image")
    rows, columns = np.meshgrid(
        np.linspace(-1, 1, int(output_height)), np.linspace(-1, 1, int(output_width)), indexing="ij"
    )
    points = np.stack([columns, rows, np.ones_like(rows)], axis=-1)
    moved = np.einsum("hwk,bjk->bhwj", points, transform_matrix.reshape(-1, 2, 3))
    grid = np.broadcast_to(moved, (len(x), *moved.shape[1:])).astype(x.dtype)
    return resample(x, grid, sampling_mode, padding_mode, padding_value, coordinates_mode, align_corners)


def _grid(size: int, count: int, mode: str) -> Array:
    """Returns the positions of `count` points on an axis of `size`, float64 between 0 and size - 1."""
    steps = np.arange(count)
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        points = steps * ((size - 1) / max(1, count - 1))
        if count == 1 and mode == "ALIGN_CORNERS":
            points = np.array([(size - 1) / 2])
    elif mode == "DEFAULT":
        points = steps * (size / count)
    elif mode == "OFFSET_CORNERS":
        delta = max(1, size - 1) / count
        points = 0.5 * delta + steps * delta
    elif mode == "UNALIGN_CORNERS":
        points = (steps + 0.5) * (size / count) - 0.5
    else:
        raise ValueError(f"sampling_mode {mode!r} is unknown")
    return np.clip(points, 0, size - 1)


def _linear(x: Array, axis: int, grid: Array) -> Array:
    lower = np.floor(grid).astype(int)
    upper = np.minimum(lower + 1, x.shape[axis] - 1)
    share = (grid - lower).astype(np.float32).reshape(-1, *[1] * (-axis - 1))
    return np.take(x, lower, axis=axis) * (1 - share) + np.take(x, upper, axis=axis) * share


def _scaled(x: Array, height: Array | float, width: Array | float) -> tuple[int, int]:
    """Returns the sizes as coremltools computes them: in float32, rounded down."""
    return int(np.floor(np.float32(height) * np.float32(x.shape[-2]))), int(
        np.floor(np.float32(width) * np.float32(x.shape[-1]))
    )


def _unnormalized(points: Array, size: int, mode: str, align_corners: bool) -> Array:
    points = points.astype(np.float32)
    if mode == "unnormalized":
        return points
    if mode == "normalized_minus_one_to_one":
        points = (points + 1) / 2
    elif mode != "normalized_zero_to_one":
        raise ValueError(f"coordinates_mode {mode!r} is unknown")
    return points * (size - 1) if align_corners else points * size - 0.5


def _folded(points: Array, size: int, mode: str) -> Array:
    """Moves points outside of an axis into it, as the padding mode defines. With "constant" they stay outside."""
    if mode == "constant":
        return points
    if mode == "border":
        return np.clip(points, 0, size - 1)
    if mode not in ("reflection", "symmetric"):
        raise ValueError(f"padding_mode {mode!r} is unknown")
    edge = 0.0 if mode == "reflection" else 0.5
    span = max(size - 1 + 2 * edge, 1e-6)
    turned = np.mod(points + edge, 2 * span)
    return np.clip(np.minimum(turned, 2 * span - turned) - edge, 0, size - 1)


def _at(x: Array, rows: Array, columns: Array, fill: float) -> Array:
    """Returns the values (batch, channels, rows, columns) at integer points (batch, rows, columns); `fill` outside."""
    height, width = x.shape[2:]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    row = np.clip(rows, 0, height - 1).astype(int)
    column = np.clip(columns, 0, width - 1).astype(int)
    values = np.stack([image[:, r, c] for image, r, c in zip(x, row, column, strict=True)])
    return np.where(inside[:, None], values, np.float32(fill))
