"""A `.tflite` file without what a small network cannot afford: its weights take less room than the words around them.

    equal tables and vectors → written once, referred to from everywhere (a FlatBuffer may be any acyclic graph)
    equal constants          → one buffer
    metadata, shape signatures that repeat the shape → left out; no runtime reads them
    names of inner tensors → kept for who looks inside, or left out where they are too much

Constants stay aligned to 16 bytes, as TensorFlow Lite's schema asks for and as Python's FlatBuffers do not do.
"""

from __future__ import annotations

from typing import Any

from edge_export.formats.tflite.flatbuffer_sharing import SharingBuilder

_IDENTIFIER = b"TFL3"


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
    builder = SharingBuilder()
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
