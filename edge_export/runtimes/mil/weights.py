"""Reads a Core ML weight file (`weight.bin`), blob storage version 2.

    0       uint32 number of blobs, uint32 version = 2, zeros to 64
    64 k    the metadata of a blob, 64 bytes: uint32 0xDEADBEEF, uint32 type, uint64 bytes, uint64 offset of the data,
            uint64 padding in bits (for types of less than a byte)

All numbers are little-endian, and every offset is a multiple of 64. A program refers to a blob by the offset of its
metadata.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

from edge_export.files.arrays import Array
from edge_export.runtimes.mil.types import TensorType, unpacked

_ALIGNMENT = 64
_SENTINEL = 0xDEADBEEF
_VERSION = 2
_HEADER = struct.Struct("<II")
_METADATA = struct.Struct("<IIQQQ")


class WeightFile:
    """An open weight file.

    Raises:
        ValueError: The file is missing, too short or of another version.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._data = memoryview(path.read_bytes())
        except OSError as error:
            raise ValueError(f"weight file {path.name} cannot be read: {error.strerror}") from None
        if len(self._data) < _ALIGNMENT:
            raise ValueError(f"weight file {path.name} has {len(self._data)} bytes, too few for its header")
        _, version = _HEADER.unpack_from(self._data)
        if version != _VERSION:
            raise ValueError(f"weight file {path.name} is of storage version {version}, not {_VERSION}")

    def read(self, offset: int, tensor: TensorType) -> Array:
        """Returns the blob whose metadata is at `offset` and which the program declares as `tensor`.

        Raises:
            ValueError: The offset is wrong, or the blob is not of the declared type.
        """
        if offset % _ALIGNMENT or offset < _ALIGNMENT or offset + _ALIGNMENT > len(self._data):
            raise ValueError(f"no blob can be at offset {offset} of {len(self._data)} bytes")
        sentinel, kind, size, start, padding = _METADATA.unpack_from(self._data, offset)
        if sentinel != _SENTINEL:
            raise ValueError(f"there is no blob at offset {offset}: its first word is {sentinel:#x}")
        if kind != tensor.scalar.blob:
            raise ValueError(f"the blob at offset {offset} is of type {kind}, but is declared as {tensor}")
        if start % _ALIGNMENT or start + size > len(self._data):
            raise ValueError(
                f"the blob at offset {offset} has {size} bytes at {start}, but the file has {len(self._data)} bytes"
            )
        shape = [size or 0 for size in tensor.shape]
        count = math.prod(shape)
        if padding and padding != -count * tensor.scalar.bits % 8:
            raise ValueError(f"the blob at offset {offset} is padded by {padding} bits, but is declared as {tensor}")
        try:
            return unpacked(bytes(self._data[start : start + size]), count, tensor.scalar).reshape(shape)
        except ValueError as error:
            raise ValueError(f"the blob at offset {offset}, declared as {tensor}: {error}") from None
