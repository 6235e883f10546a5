"""Read the contents of an ExecuTorch program (`.pte`), including the payloads of its XNNPACK delegates.

A program is a flatbuffer, followed by segments: the delegates' payloads and the constants. An XNNPACK payload is a
header, a flatbuffer of the subgraph and optional constants. Shared constants are in named segments.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from edge_export.formats.contents import Contents, Delegate, counted
from edge_export.formats.executorch.compile import DTYPES
from edge_export.spec.tensors import TensorSpec

_XNNPACK = "XnnpackBackend"
# flatc writes the bounds of a ReLU as a bare `inf`, which is not valid JSON. Each value has its own line.
_NOT_FINITE = re.compile(rb'^( *(?:"\w+": )?)-?(?:inf|nan)(?=,?$)', re.MULTILINE)


def inspect(path: Path) -> Contents:
    """Reads the method `forward` of the program in `path`."""
    from executorch.exir._serialize._program import deserialize_pte_binary
    from executorch.exir.schema import KernelCall

    data = path.read_bytes()
    file = deserialize_pte_binary(data)
    (plan,) = [plan for plan in file.program.execution_plan if plan.name == "forward"]
    calls = [instruction.instr_args for chain in plan.chains for instruction in chain.instructions]
    kernels = [_kernel_name(plan.operators[call.op_index]) for call in calls if isinstance(call, KernelCall)]
    payloads: dict[str, list[bytes]] = {}
    for delegate in plan.delegates:
        payload = bytes(file.program.backend_delegate_data[delegate.processed.index].data)
        payloads.setdefault(delegate.id, []).append(payload)
    named = sum(len(buffer) for buffer in file.named_data.buffers) if file.named_data else 0
    constants = sum(len(buffer.storage) for buffer in file.program.constant_buffer)
    graphs = [xnnpack_graph(payload) for payload in payloads.get(_XNNPACK, [])]
    return Contents(
        format="executorch",
        bytes=len(data),
        weight_bytes=constants + named + sum(_own_constant_bytes(graph) for graph in graphs),
        inputs=tuple(_spec(plan.values[index].val) for index in plan.inputs),
        outputs=tuple(_spec(plan.values[index].val) for index in plan.outputs),
        operators=counted(kernels),
        delegates=tuple(
            Delegate(
                name=name,
                count=len(each),
                bytes=sum(map(len, each)) + (named if name == _XNNPACK else 0),
                operators=_nodes(graphs) if name == _XNNPACK else {},
            )
            for name, each in sorted(payloads.items())
        ),
    )


def _kernel_name(operator: Any) -> str:
    return f"{operator.name}.{operator.overload}" if operator.overload else str(operator.name)


def _spec(value: Any) -> TensorSpec:
    return TensorSpec("", tuple(value.sizes), DTYPES.get(int(value.scalar_type), f"type {value.scalar_type}"))


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


def _own_constant_bytes(graph: dict[str, Any]) -> int:
    """Returns the bytes of the constants in the payload itself, without those in named segments."""
    return sum(constant["size"] for constant in graph.get("constant_data", []) if not constant.get("named_key"))


def _nodes(graphs: list[dict[str, Any]]) -> dict[str, int]:
    nodes = [node["xnode_union_type"] for graph in graphs for node in graph.get("xnodes", [])]
    return counted([node.removeprefix("_XNNNode").removeprefix("XNN") for node in nodes])
