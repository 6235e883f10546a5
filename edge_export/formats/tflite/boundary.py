"""Change the inputs and outputs of an ONNX model to the layouts of the `.tflite` file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_export.spec.tensors import IOSpec, TensorSpec

if TYPE_CHECKING:
    from onnx import ModelProto


UNNAMED = "unnamed/"
"""Begins the names of inputs and outputs until `name_boundary`. The names of inner values have no slash."""


def name_boundary(model: ModelProto, io: IOSpec) -> None:
    """Gives inputs and outputs the names of `io`. An inner value that has one of them gets another."""
    graph = model.graph
    names = {UNNAMED + spec.name: spec.name for spec in io.inputs + io.outputs}
    names |= {spec.name: f"inner/{spec.name}" for spec in io.inputs + io.outputs}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)


def set_boundary(model: ModelProto, io: IOSpec, own_io: IOSpec) -> None:
    """Changes the inputs and outputs of `model` from `io` to `own_io`, by operators at its boundary.

    By default onnx2tf transposes inputs and outputs itself and guesses from their rank. So it is configured to keep all
    inputs, and the transposes are operators, which it merges into its own layouts. It still drops the last transpose
    before an output, and one that it adds itself before an output of rank 4 or 5, unless an operator without a layout
    follows: a squeeze and its inverse. And it takes a value without axes for one of one axis and drops the reshape
    between them, so that the file's output has no axes: a sum with one zero has one. It drops the transpose between an
    input and matrix products as one that it added itself, and with it the input's shape: reshapes keep both.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    graph = model.graph
    transposed = {name for node in graph.node if node.op_type == "Transpose" for name in node.output}
    reshaped = {name for node in graph.node if node.op_type in ("Reshape", "Unsqueeze") for name in node.output}
    for value, spec, own in zip(graph.input, io.inputs, own_io.inputs, strict=True):
        if spec.layout != own.layout:
            inner = _rename(graph, spec.name)
            graph.node.insert(0, helper.make_node("Transpose", [spec.name], [inner], perm=permutation(own, spec)))
            _set_shape(value, own.shape)
        if _is_transposed_into_products(graph, spec.name):
            _keep_apart(graph, own)
    for value, spec, own in zip(graph.output, io.outputs, own_io.outputs, strict=True):
        if spec.layout != own.layout:
            inner = _rename(graph, spec.name)
            graph.node.append(helper.make_node("Transpose", [inner], [spec.name], perm=permutation(spec, own)))
            _set_shape(value, own.shape)
        if len(spec.shape) in (4, 5) or spec.name in transposed:
            inner = _rename(graph, spec.name)
            axis = f"{inner}_axis"
            graph.initializer.append(numpy_helper.from_array(np.array([0]), axis))
            graph.node.append(helper.make_node("Squeeze", [inner, axis], [f"{inner}_squeezed"]))
            graph.node.append(helper.make_node("Unsqueeze", [f"{inner}_squeezed", axis], [spec.name]))
        if spec.shape == (1,) and spec.dtype != "int64" and spec.name in reshaped:  # onnx2tf adds int64 as int32
            _add_zero(graph, spec)


def _is_transposed_into_products(graph: Any, name: str) -> bool:
    """Whether an input is read by one transpose that moves its last axis to the second, and that by products alone."""
    readers = [node for node in graph.node if name in node.input]
    if len(readers) != 1 or readers[0].op_type != "Transpose":
        return False
    (moves,) = readers[0].attribute
    last = len(moves.ints) - 1
    after = [node.op_type for node in graph.node if readers[0].output[0] in node.input]
    return list(moves.ints) == [0, last, *range(1, last)] and set(after) == {"MatMul"}


def _keep_apart(graph: Any, spec: TensorSpec) -> None:
    """Puts two reshapes behind an input, to a vector and back."""
    import numpy as np
    from onnx import helper, numpy_helper

    inner = _rename(graph, spec.name)
    for position, (source, target, shape) in enumerate(
        ((spec.name, f"{inner}_flat", (-1,)), (f"{inner}_flat", inner, spec.shape))
    ):
        graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), f"{target}_shape"))
        graph.node.insert(position, helper.make_node("Reshape", [source, f"{target}_shape"], [target]))


def _add_zero(graph: Any, spec: TensorSpec) -> None:
    import numpy as np
    from onnx import helper, numpy_helper

    inner = _rename(graph, spec.name)
    zero = f"{inner}_zero"
    graph.initializer.append(numpy_helper.from_array(np.zeros(1, spec.dtype), zero))
    graph.node.append(helper.make_node("Or" if spec.dtype == "bool" else "Add", [inner, zero], [spec.name]))


def permutation(source: TensorSpec, target: TensorSpec) -> list[int]:
    """Returns the axes of `source` in the order of `target`."""
    return [source.layout.index(axis) for axis in target.layout]


def moved(array: Any, source: TensorSpec, target: TensorSpec) -> Any:
    """Returns `array` transposed from the layout of `source` to the layout of `target`."""
    import numpy as np

    if source.layout == target.layout:
        return array
    return np.ascontiguousarray(array.transpose(permutation(source, target)))


def _rename(graph: Any, name: str) -> str:
    """Renames a value everywhere and returns its new name. The graph's own inputs and outputs keep the name."""
    inner = f"boundary/{name}"  # an input or output cannot have such a name
    constants = {constant.name for constant in graph.initializer}
    while inner in constants or any(inner in node.output for node in graph.node):
        inner += "/inner"
    for constant in graph.initializer:  # an output that depends on no input
        constant.name = inner if constant.name == name else constant.name
    for node in graph.node:
        node.input[:] = [inner if used == name else used for used in node.input]
        node.output[:] = [inner if made == name else made for made in node.output]
    return inner


def _set_shape(value: Any, shape: tuple[int, ...]) -> None:
    for dimension, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
        dimension.dim_value = size
