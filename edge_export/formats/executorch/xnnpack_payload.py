"""Read the payload of an XNNPACK delegate: a header, a flatbuffer of the subgraph, and constants that have no name."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

# flatc writes the bounds of a ReLU as a bare `inf`, which is not valid JSON. Each value has its own line.
_NOT_FINITE = re.compile(rb'^( *(?:"\w+": )?)-?(?:inf|nan)(?=,?$)', re.MULTILINE)


def xnnpack_graph(payload: bytes) -> dict[str, Any]:
    """Returns the subgraph of an XNNPACK payload, as the JSON of its schema."""
    from importlib.resources import files

    from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import XNNHeader
    from executorch.exir._serialize._flatbuffer import _flatc_decompile

    header = XNNHeader.from_bytes(payload[: XNNHeader.EXPECTED_LENGTH])
    if not header.is_valid():
        raise ValueError("an XNNPACK payload without a valid header")
    start = header.flatbuffer_offset
    with tempfile.TemporaryDirectory() as folder:
        schema, binary = Path(folder, "schema.fbs"), Path(folder, "graph.bin")
        schema.write_bytes(files("executorch.backends.xnnpack.serialization").joinpath("schema.fbs").read_bytes())
        binary.write_bytes(payload[start : start + header.flatbuffer_size])
        _flatc_decompile(folder, str(schema), str(binary))
        graph: dict[str, Any] = json.loads(_NOT_FINITE.sub(rb"\1null", Path(folder, "graph.json").read_bytes()))
    return graph


def xnnpack_constant(file: Any, payload: bytes, entry: dict[str, Any]) -> bytes:
    """Returns a constant by its `entry` in the subgraph's list: by name from the `PTEFile`, else from the payload.

    Raises:
        ValueError: It is not there.
    """
    from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import XNNHeader

    if name := entry["named_key"]:
        known = file.named_data.pte_data if file.named_data else {}
        if name not in known:
            raise ValueError(f"an XNNPACK payload names a constant that the program lacks: {name:.80}")
        return bytes(file.named_data.buffers[known[name].buffer_index])
    start = XNNHeader.from_bytes(payload[: XNNHeader.EXPECTED_LENGTH]).constant_data_offset + entry["offset"]
    return payload[start : start + entry["size"]]
