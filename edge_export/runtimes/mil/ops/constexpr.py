"""Compressed weights. They are expanded once, when a program is loaded."""

from __future__ import annotations

import math

import numpy as np

from edge_export.files.arrays import Array
from edge_export.runtimes.mil.types import BY_NAME, rounded, unpacked


def constexpr_affine_dequantize(quantized_data: Array, zero_point: Array, scale: Array, axis: Array | int = 0) -> Array:
    """Returns scale (data - zero point). Scale and zero point are scalars or vectors along `axis`."""
    return _dequantized(quantized_data, scale, zero_point, axis)


def constexpr_blockwise_shift_scale(data: Array, scale: Array, offset: Array | None = None) -> Array:
    """Returns scale (data - offset). Each element of `scale` and `offset` applies to a block of `data`."""
    values = data.astype(np.float32)
    if offset is not None:
        values = values - _spread(offset, data.shape)
    return values * _spread(scale, data.shape)


def constexpr_lut_to_dense(
    indices: Array, lut: Array, shape: Array | None = None, vector_axis: Array | int | None = None
) -> Array:
    """Returns values from lookup tables.

    With `shape` (iOS 16), `indices` are packed bytes, and `lut` is one table (entries,). Without `shape` (iOS 18),
    `indices` have the result's shape, and `lut` is (…, entries, vector). Its first axes hold tables for blocks of
    `indices`. Vectors longer than 1 are placed along `vector_axis`.
    """
    if shape is not None:
        sizes, bits = shape.tolist(), len(lut).bit_length() - 1
        if len(lut) != 1 << bits or f"uint{bits}" not in BY_NAME:
            raise ValueError(f"a lookup table has {len(lut)} entries, which is not a supported power of two")
        return lut[unpacked(indices.tobytes(), math.prod(sizes), BY_NAME[f"uint{bits}"])].reshape(sizes)
    entries, vector = lut.shape[-2:]
    tables = _spread(lut.reshape(*lut.shape[:-2], entries * vector), (*indices.shape, entries * vector))
    tables = tables.reshape(*indices.shape, entries, vector)
    chosen = np.take_along_axis(tables, indices[..., None, None].astype(np.int64), axis=-2)[..., 0, :]
    if vector_axis is None:
        return chosen[..., 0]
    place = int(vector_axis) % indices.ndim
    sizes = list(indices.shape)
    sizes[place] *= vector
    return np.moveaxis(chosen, -1, place + 1).reshape(sizes)


def constexpr_sparse_to_dense(nonzero_data: Array, mask: Array, shape: Array | None = None) -> Array:
    """Returns the values of `nonzero_data` where `mask` is set, zeros elsewhere.

    With `shape` (iOS 16), `mask` is packed bits. Without `shape` (iOS 18), it has the result's shape.
    """
    if shape is not None:
        sizes = shape.tolist()
        mask = unpacked(mask.tobytes(), math.prod(sizes), BY_NAME["uint1"]).reshape(sizes)
    result = np.zeros(mask.shape, nonzero_data.dtype)
    result[mask != 0] = nonzero_data
    return result


def constexpr_lut_to_sparse(
    indices_mask: Array, indices_nonzero_data: Array, lut: Array, vector_axis: Array | int | None = None
) -> tuple[Array, Array]:
    """Returns the mask of a sparse tensor and the values of its elements from lookup tables."""
    indices = constexpr_sparse_to_dense(indices_nonzero_data, indices_mask)
    values = constexpr_lut_to_dense(indices, lut, vector_axis=vector_axis)
    mask = indices_mask
    if vector_axis is not None:
        mask = np.repeat(mask, lut.shape[-1], axis=int(vector_axis))
    return mask, values[mask != 0]


def constexpr_sparse_blockwise_shift_scale(
    data_mask: Array, nonzero_data: Array, scale: Array, offset: Array | None = None
) -> tuple[Array, Array]:
    """Returns the mask of a sparse tensor and its elements after `constexpr_blockwise_shift_scale`."""
    dense = constexpr_sparse_to_dense(nonzero_data, data_mask)
    return data_mask, constexpr_blockwise_shift_scale(dense, scale, offset)[data_mask != 0]


def constexpr_cast(source_val: Array, output_dtype: str) -> Array:
    return rounded(source_val, BY_NAME[output_dtype])


def quantize(
    input: Array, scale: Array, output_dtype: str, zero_point: Array | None = None, axis: Array | int | None = None
) -> Array:
    """Returns round(input / scale) + zero point, clipped to `output_dtype`. Halves are rounded to even."""
    values = np.rint(input / _along(scale, input, axis))
    if zero_point is not None:
        values = values + _along(zero_point, input, axis)
    limits = np.iinfo(BY_NAME[output_dtype].held)
    return np.clip(values, limits.min, limits.max)


def dequantize(input: Array, scale: Array, zero_point: Array | None = None, axis: Array | int | None = None) -> Array:
    """Returns scale (input - zero point). Scale and zero point are scalars or vectors along `axis`."""
    return _dequantized(input, scale, zero_point, axis)


def _dequantized(data: Array, scale: Array, zero_point: Array | None, axis: Array | int | None) -> Array:
    values = data.astype(np.float32)
    if zero_point is not None:
        values = values - _along(zero_point, data, axis)
    return values * _along(scale, data, axis)


def _along(parameter: Array, data: Array, axis: Array | int | None) -> Array:
    """Reshapes a scalar or a vector to broadcast along `axis` of `data`.

    The result is float32, so that differences of unsigned bytes can be negative.
    """
    values = parameter.astype(np.float32)
    if values.ndim == 0 or values.size == 1:
        return values.reshape(())
    return values.reshape(-1, *[1] * (data.ndim - 1 - int(axis or 0) % data.ndim))


def _spread(parameter: Array, shape: tuple[int, ...]) -> Array:
    """Repeats each element of `parameter` over its block of `shape`."""
    values = parameter.astype(np.float32) if parameter.dtype.kind != "f" else parameter
    for axis, (size, blocks) in enumerate(zip(shape, parameter.shape, strict=True)):
        if blocks == 0 or size % blocks:
            raise ValueError(f"{list(parameter.shape)} blocks do not divide {list(shape)}")
        if blocks not in (1, size):
            values = np.repeat(values, size // blocks, axis=axis)
    return np.broadcast_to(values, shape)
