"""Give each RESHAPE the shape that its output has: onnx2tf merges two of them and may keep the wrong constant.

It also gives a value one axis where the network has none, and leaves the constant without axes. LiteRT follows the
constant, so that the operators behind it fail. Files in which all agree stay as they are.
"""

from __future__ import annotations

import math
from typing import Any


def with_agreeing_shapes(content: bytes) -> bytes:
    """Returns the file, changed where the constant of a RESHAPE is not the shape of its output."""
    import flatbuffers
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    is_changed = False
    for graph in model.subgraphs:
        for operator in graph.operators or ():  # none: its outputs are constants
            code = model.operatorCodes[operator.opcodeIndex]
            if max(code.builtinCode, code.deprecatedBuiltinCode) != schema.BuiltinOperator.RESHAPE:
                continue
            wanted = _other_shape(model, graph, operator)
            if wanted is None:
                continue
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.array(wanted, np.int32).tobytes(), np.uint8)
            model.buffers.append(buffer)
            tensor = schema.TensorT()
            tensor.name = graph.tensors[operator.inputs[1]].name + b"/agreeing"
            tensor.type, tensor.shape, tensor.buffer = schema.TensorType.INT32, [len(wanted)], len(model.buffers) - 1
            graph.tensors.append(tensor)
            operator.inputs = [operator.inputs[0], len(graph.tensors) - 1]
            is_changed = True
    if not is_changed:
        return content
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _other_shape(model: Any, graph: Any, operator: Any) -> list[int] | None:
    """Returns the shape of the output where it has the input's count of values and the constant is another one."""
    import numpy as np

    if len(operator.inputs) < 2 or (data := _data(model, graph.tensors[operator.inputs[1]])) is None:
        return None
    given, wanted = (_shape(graph.tensors[index]) for index in (operator.inputs[0], operator.outputs[0]))
    constant = [int(size) for size in np.frombuffer(data, np.int32)]
    count = math.prod(given)
    if min([*given, *wanted, 0]) < 0 or math.prod(wanted) != count:
        return None
    if -1 in constant and (rest := -math.prod(constant)) > 0:
        constant[constant.index(-1)] = count // rest
    return None if constant == wanted else wanted


def _data(model: Any, tensor: Any) -> bytes | None:
    """Returns the bytes of a constant; a constant without values has none. None: it is computed."""
    data = model.buffers[tensor.buffer].data
    if data is None:
        return b"" if _shape(tensor) == [0] else None
    return bytes(data)


def _shape(tensor: Any) -> list[int]:
    return [] if tensor.shape is None else [int(size) for size in tensor.shape]
