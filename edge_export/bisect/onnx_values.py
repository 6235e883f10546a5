"""Reads every value of an ONNX model with ONNX Runtime. All values are declared as outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_export.bisect.inside import Operator, values_of
from edge_export.bisect.values import Value
from edge_export.files.arrays import Array
from edge_export.spec.tensors import IOSpec


def look_inside(path: Path, io: IOSpec, samples: Sequence[Mapping[str, Array]]) -> tuple[list[Value], list[str]]:
    """Returns the values of all operators on `samples`, and the names of those that are the outputs of `io`."""
    import onnx
    import onnxruntime

    model = onnx.load(path)
    constants = {tensor.name for tensor in model.graph.initializer}
    operators = [
        Operator(
            node.op_type,
            tuple(filter(None, node.output)),
            tuple(name for name in node.input if name and name not in constants),
            tuple(name for name in node.input if name in constants),
        )
        for node in model.graph.node
    ]
    declared = {value.name for value in model.graph.output}
    hidden = [name for operator in operators for name in operator.writes if name not in declared]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in hidden)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    seen = [dict(zip(names, session.run(names, dict(sample)), strict=True)) for sample in samples]
    return values_of(operators, seen), [spec.name for spec in io.outputs]
