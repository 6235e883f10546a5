"""Give outputs of int64 the type and the shape that the network has: onnx2tf writes int32, or [] for [1].

It computes some places and sums of int64 in int32, and drops the reshape between [] and [1]. A cast and a reshape
behind them put it right; files without such an output stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_export.spec.tensors import IOSpec, TensorSpec


def with_whole_numbers(content: bytes, io: IOSpec, opened: Callable[[bytes], list[TensorSpec]]) -> bytes:
    """Returns the file, changed where an output of `io` is int64 and another one in the file.

    Args:
        content: The file.
        io: What its outputs must be.
        opened: Opens a file and returns its outputs: shapes are known once it is open.
    """
    wanted = {spec.name: spec.shape for spec in io.outputs if spec.dtype == "int64"}
    if not wanted:
        return content
    others = [spec for spec in opened(content) if spec.name in wanted and _is_another(spec, wanted[spec.name])]
    if not others:
        return content
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    (signature,) = model.signatureDefs
    graph = model.subgraphs[signature.subgraphIndex]
    entries = {entry.name.decode(): entry for entry in signature.outputs}
    for spec in others:
        _mend(schema, model, graph, entries[spec.name], spec)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _is_another(spec: TensorSpec, shape: tuple[int, ...]) -> bool:
    if spec.dtype not in ("int32", "int64") or spec.shape not in (shape, () if shape == (1,) else shape):
        return False
    return spec.dtype == "int32" or spec.shape != shape


def _mend(schema: Any, model: Any, graph: Any, entry: Any, spec: TensorSpec) -> None:
    types = schema.TensorType
    name = graph.tensors[entry.tensorIndex].name
    result = int(entry.tensorIndex)
    if spec.dtype == "int32":
        cast = schema.CastOptionsT()
        cast.inDataType, cast.outDataType = types.INT32, types.INT64
        result = _behind(schema, model, graph, result, "CAST", cast, [], list(spec.shape))
    if spec.shape == ():
        reshape = schema.ReshapeOptionsT()
        reshape.newShape = [1]
        result = _behind(schema, model, graph, result, "RESHAPE", reshape, [_axes(schema, model, graph)], [1])
    if result != entry.tensorIndex:
        graph.tensors[entry.tensorIndex].name = name + b"/inner"
        graph.tensors[result].name = name
        graph.outputs = [result if index == entry.tensorIndex else index for index in graph.outputs]
        entry.tensorIndex = result


def _behind(
    schema: Any, model: Any, graph: Any, source: int, kind: str, options: Any, more: list[int], shape: list[int]
) -> int:
    """Adds an operator that reads a tensor, and returns its result of int64."""
    number = getattr(schema.BuiltinOperator, kind)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = number
    code.version = 1
    model.operatorCodes.append(code)
    operator = schema.OperatorT()
    operator.opcodeIndex = len(model.operatorCodes) - 1
    operator.inputs, operator.outputs = [source, *more], [len(graph.tensors)]
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{kind.capitalize()}Options")
    operator.builtinOptions = options
    graph.operators.append(operator)
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.shape = f"{kind}_{len(graph.tensors)}".encode(), schema.TensorType.INT64, shape
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _axes(schema: Any, model: Any, graph: Any) -> int:
    """Adds the constant shape [1]."""
    import numpy as np

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.array([1], np.int32).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.name, tensor.type, tensor.shape = f"axes_{len(graph.tensors)}".encode(), schema.TensorType.INT32, [1]
    tensor.buffer = len(model.buffers) - 1
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1
