"""Faults in the operators of a file: read by its format's own schema, and changed in place."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import faults_coreai
import numpy as np
from faults_bases import Base

from edge_export.files.owned import scratch_folder
from edge_export.formats.executorch.coreml import write_package
from edge_export.formats.executorch.flattened import flattened, unflattened
from edge_export.formats.executorch.opened import open_program

PADDED = np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32)
SHIFTED = np.array([[0, 0], [0, 2], [0, 2], [0, 0]], np.int32)

# Numbers of XNodeUnion and of the fields of _XNNNodeConv and _XNNCat in XNNPACK's schema.fbs.
CONVOLUTIONS, CONCATENATE_4 = (7, 13), 34
PADDING_TOP, PADDING_BOTTOM, INPUT_3, INPUT_4, OUTPUT = 0, 2, 3, 4, 5


def wrong_pad(base: Base, path: Path, rng: np.random.Generator) -> None:
    """A convolution padded by 0 and 2 rows instead of 1 and 1: every shape stays."""
    _WRONG_PAD[base.made_as](path, rng)


def swap_states(base: Base, path: Path, rng: np.random.Generator) -> None:
    """The hidden and the cell state of the recurrence in each other's place in the next state."""
    _SWAP_STATES[base.made_as](path)


def _pad_tflite(path: Path, rng: np.random.Generator) -> None:
    content = path.read_bytes()
    parts = content.split(PADDED.tobytes())
    which = rng.integers(1, len(parts))
    joined = PADDED.tobytes().join
    path.write_bytes(joined(parts[:which]) + SHIFTED.tobytes() + joined(parts[which:]))


def _pad_coreml(path: Path, rng: np.random.Generator) -> None:
    spec, block = _program(path)
    constants = {op.outputs[0].name: op for op in block.operations if op.type == "const"}
    pads = [constants[op.inputs["pad"].arguments[0].name] for op in block.operations if op.type == "conv"]
    values = [pad.attributes["val"].immediateValue.tensor.ints.values for pad in pads]
    padded = [each for each in values if list(each) == [1, 1, 1, 1]]
    padded[rng.integers(len(padded))][:2] = [0, 2]
    _model_file(path).write_bytes(spec.SerializeToString())


def _pad_executorch(path: Path, rng: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    convolutions = [node for kind, node in _xnnpack_nodes(content) if kind in CONVOLUTIONS]
    padded = [node for node in convolutions if _field(node, PADDING_TOP) and _field(node, PADDING_BOTTOM)]
    chosen = padded[rng.integers(len(padded))]
    _set_field(content, chosen, PADDING_TOP, 0)
    _set_field(content, chosen, PADDING_BOTTOM, 2)
    path.write_bytes(content)


def _states_tflite(path: Path) -> None:
    from ai_edge_litert.schema_py_generated import Model

    content = bytearray(path.read_bytes())
    graph = Model.GetRootAs(content, 0).Subgraphs(0)
    operators = [graph.Operators(index) for index in range(graph.OperatorsLength())]
    (last,) = [op for op in operators if graph.Tensors(op.OutputsAsNumpy()[0]).Name() == b"next_state"]
    inputs = last.InputsAsNumpy()  # a view
    inputs[[-2, -1]] = inputs[[-1, -2]]
    path.write_bytes(content)


def _states_coreml(path: Path) -> None:
    spec, block = _program(path)
    (last,) = [op for op in block.operations if op.outputs[0].name == block.outputs[-1]]
    hidden, cell = last.inputs["values"].arguments[-2:]
    hidden.name, cell.name = cell.name, hidden.name
    _model_file(path).write_bytes(spec.SerializeToString())


def _states_executorch(path: Path) -> None:
    content = bytearray(path.read_bytes())
    nodes = [node for kind, node in _xnnpack_nodes(content) if kind == CONCATENATE_4]
    last = max(nodes, key=lambda node: _field(node, OUTPUT) in _xnnpack_outputs(content))
    hidden, cell = _field(last, INPUT_3), _field(last, INPUT_4)
    _set_field(content, last, INPUT_3, cell)
    _set_field(content, last, INPUT_4, hidden)
    path.write_bytes(content)


def _in_payload(path: Path, change: Callable[[Path], None]) -> None:
    """Changes the Core ML package inside a program's one delegate. Its size stays."""
    (delegate,) = open_program(path).plan.delegates
    payload = open_program(path).payload(delegate)
    files = unflattened(payload)
    with scratch_folder() as folder:
        change(write_package(files, folder))
        inside = {name: (folder / name).read_bytes() for name in files if (folder / name).exists()}
    content, replacement = path.read_bytes(), flattened(files | inside)
    assert content.count(payload) == 1
    assert len(replacement) == len(payload)
    path.write_bytes(content.replace(payload, replacement))


def _model_file(package: Path) -> Path:
    return package / "Data" / "com.apple.CoreML" / "model.mlmodel"


def _program(package: Path) -> tuple[Any, Any]:
    """A package's specification, and the block of its main function."""
    from coremltools.proto import Model_pb2

    spec = Model_pb2.Model()
    spec.ParseFromString(_model_file(package).read_bytes())
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    return spec, block


def _xnnpack_graph(content: bytearray) -> Any:
    """The subgraph in the one XNNPACK payload of a program, as a flatbuffer's table over `content`."""
    from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import XNNHeader
    from flatbuffers.table import Table

    start = content.index(XNNHeader.EXPECTED_MAGIC) - 4
    header = XNNHeader.from_bytes(bytes(content[start : start + XNNHeader.EXPECTED_LENGTH]))
    root = start + header.flatbuffer_offset
    return Table(content, root + struct.unpack_from("<I", content, root)[0])


def _xnnpack_nodes(content: bytearray) -> Iterator[tuple[int, Any]]:
    """Each operator's number in XNodeUnion, and its table."""
    from flatbuffers.table import Table

    graph = _xnnpack_graph(content)
    at = graph.Offset(_slot(1))
    for index in range(graph.VectorLen(at)):
        node = Table(content, graph.Indirect(graph.Vector(at) + 4 * index))
        inside = Table(content, 0)
        node.Union(inside, node.Offset(_slot(1)))
        yield content[node.Pos + node.Offset(_slot(0))], inside


def _xnnpack_outputs(content: bytearray) -> list[int]:
    graph = _xnnpack_graph(content)
    at = graph.Offset(_slot(5))
    return list(struct.unpack_from(f"<{graph.VectorLen(at)}I", content, graph.Vector(at)))


def _field(table: Any, field: int) -> int:
    at = table.Offset(_slot(field))
    return int(struct.unpack_from("<I", table.Bytes, table.Pos + at)[0]) if at else 0


def _set_field(content: bytearray, table: Any, field: int, value: int) -> None:
    struct.pack_into("<I", content, table.Pos + table.Offset(_slot(field)), value)


def _slot(field: int) -> int:
    """Where a flatbuffer's vtable has the offset of a field."""
    return 4 + 2 * field


_WRONG_PAD = {
    "executorch": _pad_executorch,
    "executorch/coreml": lambda path, rng: _in_payload(path, lambda package: _pad_coreml(package, rng)),
    "tflite": _pad_tflite,
    "coreml": _pad_coreml,
    "coreai": faults_coreai.wrong_pad,
}
_SWAP_STATES = {
    "executorch": _states_executorch,
    "executorch/coreml": lambda path: _in_payload(path, _states_coreml),
    "tflite": _states_tflite,
    "coreml": _states_coreml,
    "coreai": faults_coreai.swap_states,
}
