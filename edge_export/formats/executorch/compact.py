"""A `.pte` file without what a small network cannot afford: its int8 weights take less room than the words around them.

ExecuTorch gives each constant of an XNNPACK delegate a segment of the file, named by the 64 digits of its hash, in the
delegate and in the program. Here

    weights and biases   → stand in the delegate's payload, where its format has a place for them; equal ones once
    equal tables, shapes → written once, referred to from everywhere
    nodes and values     → in fewer words (`executorch_shorten.py`)
    descriptions of Python's containers → left out: no runtime computes with them

All else keeps its bits: the payload is read and written by ExecuTorch's own schema. Only what XNNPACK packs when it
loads can be in a payload, which is gone afterwards; constants that it computes with stay in their segments.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import Any

from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import CONSTANT_TENSOR_ALIGNMENT, XNNHeader
from executorch.exir._serialize._program import deserialize_pte_binary, serialize_pte_binary

from edge_export.formats.executorch.flatbuffer_schema import FlatBufferSchema
from edge_export.formats.executorch.shorten import shorten, tensor_of
from edge_export.formats.tflite.flatbuffer_sharing import SharingBuilder

_BACKEND = "XnnpackBackend"
_IDENTIFIER = b"XN01"


def compact(content: bytes) -> bytes:
    """The bytes of a program that computes the same as the one in `content`, lowered to XNNPACK."""
    file = deserialize_pte_binary(content)
    kept: dict[str, Any] = {}
    for plan in file.program.execution_plan:
        plan.container_meta_type.encoded_inp_str = plan.container_meta_type.encoded_out_str = ""
        for delegate in plan.delegates:
            if delegate.id == _BACKEND:
                payload = file.program.backend_delegate_data[delegate.processed.index]
                payload.data, left = _compact_payload(bytes(payload.data), file.named_data)
                kept |= {key: file.named_data.pte_data[key] for key in left}
    file.named_data = replace(file.named_data, pte_data=kept) if kept else None
    return bytes(
        serialize_pte_binary(file, extract_delegate_segments=True, segment_alignment=CONSTANT_TENSOR_ALIGNMENT)
    )


def _compact_payload(payload: bytes, named: Any) -> tuple[bytes, list[str]]:
    """A payload with its weights, and the names of the constants that it still takes from `named`."""
    schema = FlatBufferSchema(files("executorch.backends.xnnpack.serialization").joinpath("schema.fbs").read_text())
    header = XNNHeader.from_bytes(payload[: XNNHeader.EXPECTED_LENGTH])
    start = header.flatbuffer_offset
    graph = schema.read(payload[start : start + header.flatbuffer_size])
    shorten(graph)
    packed, left = _packed_constants(graph), list[str]()
    weights, places = b"", dict[str, int]()
    for index, entry in enumerate(graph["constant_data"]):
        key = entry.get("named_key", b"").decode()
        if key and index not in packed:
            left.append(key)
        elif key:
            if key not in places:
                weights = _padded(weights)
                places[key] = len(weights)
                weights += bytes(named.buffers[named.pte_data[key].buffer_index])
            del entry["named_key"]
            entry["offset"] = places[key]
    tables = schema.write(graph, SharingBuilder(), _IDENTIFIER)
    first = len(_padded(bytes(XNNHeader.EXPECTED_LENGTH)))
    header = XNNHeader(
        flatbuffer_offset=first,
        flatbuffer_size=len(tables),
        constant_data_offset=first + len(_padded(tables)),
        constant_data_size=len(weights),
    )
    return _padded(header.to_bytes()) + _padded(tables) + weights, left


def _packed_constants(graph: dict[str, Any]) -> set[int]:
    """The numbers of the constants that are weights, biases or their scales, and nothing else."""
    packed, computed_with = set[int](), set[int]()
    for _, node in (entry["xnode_union"] for entry in graph["xnodes"]):
        for name, value in node.items():
            if name in ("filter_id", "bias_id"):
                packed.add(value)
            elif name.endswith("_id"):
                computed_with.add(value)
    numbers = set[int]()
    for _, value in (entry["xvalue_union"] for entry in graph["xvalues"]):
        tensor = tensor_of(value)
        if tensor.get("id_out", 0) in packed - computed_with:
            _, scales = value.get("quant_params", (0, {}))
            numbers |= {tensor.get("constant_buffer_idx", 0), scales.get("scale_buffer_idx", 0)}
    return numbers


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % CONSTANT_TENSOR_ALIGNMENT)
