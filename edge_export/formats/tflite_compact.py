"""A `.tflite` file without what a small network cannot afford: its weights take less room than the words around them.

    equal tables and vectors → written once, referred to from everywhere (a FlatBuffer may be any acyclic graph)
    equal constants          → one buffer
    metadata, shape signatures that repeat the shape → left out; no runtime reads them
    names of inner tensors → kept for who looks inside, or left out where they are too much

Constants stay aligned to 16 bytes, as TensorFlow Lite's schema asks for and as Python's FlatBuffers do not do.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
from flatbuffers import number_types

_IDENTIFIER = b"TFL3"
_CONSTANT_ALIGNMENT = 16


def compact(model: Any, *, names: bool = True) -> bytes:
    """The bytes of a `ModelT`, which is changed on the way; without `names` only inputs and outputs keep theirs."""
    model.description = model.metadata = model.metadataBuffer = None
    for graph in model.subgraphs:
        graph.name = None
        boundary = {int(index) for index in (*graph.inputs, *graph.outputs)}
        for index, tensor in enumerate(graph.tensors):
            if not names and index not in boundary:
                tensor.name = None
            if tensor.shapeSignature is not None and list(tensor.shapeSignature) == list(tensor.shape):
                tensor.shapeSignature = None
            if tensor.quantization is not None and not _any(tensor.quantization.scale):
                tensor.quantization = None
            tensor.hasRank = False  # only says something of a tensor without a shape
        for operator in graph.operators:
            if not _any(operator.mutatingVariableInputs):
                operator.mutatingVariableInputs = None
            if not _any(operator.intermediates):
                operator.intermediates = None
    _merge_buffers(model)
    builder = _SharingBuilder()
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _any(values: Any) -> bool:
    return values is not None and len(values) > 0 and any(values)


def _merge_buffers(model: Any) -> None:
    """One buffer for all constants of the same bytes; buffer 0 stays the empty one."""
    old, new = model.buffers, [model.buffers[0]]
    places: dict[bytes, int] = {}
    for tensor in (tensor for graph in model.subgraphs for tensor in graph.tensors):
        data = old[tensor.buffer].data
        if data is None or len(data) == 0:
            tensor.buffer = 0
            continue
        content = bytes(data)
        if content not in places:
            places[content] = len(new)
            new.append(old[tensor.buffer])
        tensor.buffer = places[content]
    model.buffers = new


class _SharingBuilder(flatbuffers.Builder):  # type: ignore[misc]
    """A builder that writes every table and every vector of numbers once, and a table's widest fields first.

    A table is collected until it ends, and looked up by its fields before any of it is written. A vector is written
    first, and taken back if it was there already.
    """

    head: int

    def __init__(self) -> None:
        super().__init__(1 << 16)
        self._written: dict[Any, int] = {}
        self._fields: list[tuple[int, int, Any, Any]] = []
        self._slots = 0
        self._vector: tuple[int, int, int] | None = None  # where it began, its elements' size and alignment

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
        self._vector = None  # the same offset reads otherwise from another place
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
