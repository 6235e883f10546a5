"""The tensor types of MIL programs, and the numpy dtypes of their values in the evaluator.

A float16 tensor is a float32 array whose values are all float16 values. Operators compute in float32, and their results
are rounded to float16 once. Weights are converted once, and operators that only move values need no rounding. Types of
less than a byte are int8 or uint8 arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_export.files.arrays import Array


@dataclass(frozen=True)
class Scalar:
    """One element type.

    Attributes:
        name: The name in Core ML's `dtype` attributes, such as "fp16".
        stored: The numpy dtype of an element in a file; for types of less than a byte, of an unpacked element.
        held: The numpy dtype of the values in the evaluator.
        bits: The size of an element in a file.
        blob: The number of the type in a weight file's metadata; None: weight files cannot hold it.
    """

    name: str
    stored: np.dtype[Any]
    held: np.dtype[Any]
    bits: int
    blob: int | None


@dataclass(frozen=True)
class TensorType:
    """The declared type of a tensor. A dimension is None if it is known only when the program runs."""

    scalar: Scalar
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.scalar.name} [{', '.join('?' if size is None else str(size) for size in self.shape)}]"


def _scalar(name: str, stored: str, held: str, bits: int, blob: int | None) -> Scalar:
    return Scalar(name, np.dtype(stored), np.dtype(held), bits, blob)


SCALARS: dict[str, Scalar] = {
    "BOOL": _scalar("bool", "bool", "bool", 8, None),
    "STRING": _scalar("string", "object", "object", 8, None),
    "FLOAT16": _scalar("fp16", "<f2", "float32", 16, 1),
    "FLOAT32": _scalar("fp32", "<f4", "float32", 32, 2),
    "FLOAT64": _scalar("fp64", "<f8", "float64", 64, None),
    "UINT8": _scalar("uint8", "u1", "uint8", 8, 3),
    "INT8": _scalar("int8", "i1", "int8", 8, 4),
    "INT16": _scalar("int16", "<i2", "int16", 16, 6),
    "UINT16": _scalar("uint16", "<u2", "uint16", 16, 7),
    "INT4": _scalar("int4", "i1", "int8", 4, 8),
    "UINT1": _scalar("uint1", "u1", "uint8", 1, 9),
    "UINT2": _scalar("uint2", "u1", "uint8", 2, 10),
    "UINT4": _scalar("uint4", "u1", "uint8", 4, 11),
    "UINT3": _scalar("uint3", "u1", "uint8", 3, 12),
    "UINT6": _scalar("uint6", "u1", "uint8", 6, 13),
    "INT32": _scalar("int32", "<i4", "int32", 32, 14),
    "UINT32": _scalar("uint32", "<u4", "uint32", 32, 15),
    "INT64": _scalar("int64", "<i8", "int64", 64, None),
    "UINT64": _scalar("uint64", "<u8", "uint64", 64, None),
}
"""The element types by their names in MIL's protobuf. Others, such as 8-bit floats, are not evaluated."""

BY_NAME = {scalar.name: scalar for scalar in SCALARS.values()}


def rounded(value: Any, scalar: Scalar) -> Array:
    """Returns `value` rounded to `scalar`, as an array of its `held` dtype."""
    array = np.asarray(value)
    if scalar.bits == 16 and scalar.held == np.float32:
        return array.astype(np.float16).astype(np.float32)
    return array.astype(scalar.held, copy=False)


def unpacked(data: bytes, count: int, scalar: Scalar) -> Array:
    """Returns `count` elements of `data` as an array of the `held` dtype.

    Elements of less than a byte are packed, lowest bits first.

    Raises:
        ValueError: `data` has another size.
    """
    expected = math.ceil(count * scalar.bits / 8)
    if len(data) != expected:
        raise ValueError(f"{count} elements of {scalar.name} take {expected} bytes, but there are {len(data)}")
    if scalar.bits >= 8:
        return np.frombuffer(data, scalar.stored).astype(scalar.held)
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: count * scalar.bits]
    values = bits.reshape(count, scalar.bits).astype(np.int16) @ (1 << np.arange(scalar.bits, dtype=np.int16))
    if scalar.stored.kind == "i":
        values = np.where(values >= 1 << (scalar.bits - 1), values - (1 << scalar.bits), values)
    return values.astype(scalar.held)
