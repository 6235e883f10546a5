"""Read the contents of an ExecuTorch program (`.pte`), including the payloads of its delegates.

A program is a flatbuffer, followed by segments: the delegates' payloads and the constants. An XNNPACK or Vulkan payload
is a header, a flatbuffer of the subgraph and optional constants. Shared constants are in named segments. A Core ML
payload is a folder (`flattened.py`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge_export.formats.contents import Contents, Delegate, counted
from edge_export.formats.executorch.coreml import write_package
from edge_export.formats.executorch.flattened import unflattened
from edge_export.formats.executorch.opened import DELEGATES, open_program, spec_of
from edge_export.formats.executorch.xnnpack_payload import xnnpack_graph


def inspect(path: Path) -> Contents:
    """Reads the method `forward` of the program in `path`."""
    from executorch.exir.schema import KernelCall

    opened = open_program(path)
    file, plan = opened.file, opened.plan
    kernels = [opened.kernel_name(call) for call in opened.calls if isinstance(call, KernelCall)]
    payloads: dict[str, list[bytes]] = {}
    for delegate in plan.delegates:
        payloads.setdefault(delegate.id, []).append(opened.payload(delegate))
    parts = {name: [_READERS.get(name, _unread)(payload) for payload in each] for name, each in payloads.items()}
    # What is shared between parts, under names, belongs to the delegates that have constants there.
    named = sum(len(buffer) for buffer in file.named_data.buffers) if file.named_data else 0
    constants = sum(len(buffer.storage) for buffer in file.program.constant_buffer)
    return Contents(
        format="executorch",
        bytes=path.stat().st_size,
        weight_bytes=constants + named + sum(part.weight_bytes for each in parts.values() for part in each),
        inputs=tuple(spec_of(plan.values[index].val) for index in plan.inputs),
        outputs=tuple(spec_of(plan.values[index].val) for index in plan.outputs),
        operators=counted(kernels),
        delegates=tuple(
            Delegate(
                name=name,
                count=len(each),
                bytes=sum(map(len, each)) + (named if name != DELEGATES["coreml"] else 0),
                operators=counted([operator for part in parts[name] for operator in part.operators]),
            )
            for name, each in sorted(payloads.items())
        ),
        backend=next((backend for backend, name in DELEGATES.items() if name in payloads), ""),
    )


@dataclass(frozen=True)
class _Part:
    """What one delegate's payload holds: its operators, one by one, and the bytes of the constants in it."""

    operators: list[str]
    weight_bytes: int


def _unread(payload: bytes) -> _Part:
    return _Part([], 0)


def _xnnpack(payload: bytes) -> _Part:
    graph = xnnpack_graph(payload)
    nodes = [node["xnode_union_type"] for node in graph.get("xnodes", [])]
    own = [constant["size"] for constant in graph.get("constant_data", []) if not constant.get("named_key")]
    return _Part([node.removeprefix("_XNNNode").removeprefix("XNN") for node in nodes], sum(own))


def _coreml(payload: bytes) -> _Part:
    from edge_export.formats.coreml.inspect import operators_of

    files = unflattened(payload)
    with tempfile.TemporaryDirectory() as folder:
        operators = operators_of(write_package(files, Path(folder)))
    return _Part(operators, sum(len(content) for path, content in files.items() if "/weights/" in path))


def _vulkan(payload: bytes) -> _Part:
    from executorch.backends.vulkan.serialization.vulkan_graph_serialize import (
        VulkanDelegateHeader,
        flatbuffer_to_vk_graph,
    )

    header = VulkanDelegateHeader.from_bytes(payload[: VulkanDelegateHeader.EXPECTED_LENGTH])
    start = header.flatbuffer_offset
    graph = flatbuffer_to_vk_graph(payload[start : start + header.flatbuffer_size])
    return _Part([call.name for call in graph.chain], header.bytes_size)


_READERS: dict[str, Callable[[bytes], _Part]] = {
    DELEGATES["xnnpack"]: _xnnpack,
    DELEGATES["coreml"]: _coreml,
    DELEGATES["vulkan"]: _vulkan,
}
