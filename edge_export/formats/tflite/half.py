"""A float32 `.tflite` file with its constants stored as float16 and widened when it is loaded: it computes in float32.

    weights (float32) → operator      becomes      weights (float16) → DEQUANTIZE → operator

Every constant is, small ones too: XNNPACK widens the weights of an operator once, while loading, only if all of its
constants come that way. With float32 biases beside float16 weights, a convolution took three times as long.
"""

from __future__ import annotations

from typing import Any

from edge_export.formats.tflite.flatbuffer_sharing import write

_LARGEST = 65504.0
"""Of float16. A constant with a larger value stays float32."""


def halve(float32: bytes) -> bytes:
    """The file `float32`, with its constants as float16."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(float32), 0)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 3  # the first that reads float16
    model.operatorCodes.append(code)
    halved: dict[int, Any] = {}
    for graph in model.subgraphs:
        widened: dict[int, int] = {}
        for index, tensor in list(enumerate(graph.tensors)):
            if tensor.type != schema.TensorType.FLOAT32 or index in graph.outputs:
                continue
            if _halve_buffer(model.buffers, tensor.buffer, halved):
                tensor.type = schema.TensorType.FLOAT16
                widened[index] = len(graph.tensors)
                name = tensor.name + b"/float32"
                graph.tensors.append(schema.TensorT(tensor.shape, schema.TensorType.FLOAT32, name=name))
        for operator in graph.operators:
            operator.inputs = [widened.get(int(index), int(index)) for index in operator.inputs]
        graph.operators[:0] = [
            schema.OperatorT(opcodeIndex=len(model.operatorCodes) - 1, inputs=[index], outputs=[wide])
            for index, wide in widened.items()
        ]
    for index, values in halved.items():
        model.buffers[index].data = values
    return write(model)


def _halve_buffer(buffers: Any, index: int, halved: dict[int, Any]) -> bool:
    """Put the constant in buffer `index` into `halved` as the bytes of float16, if it is one and fits."""
    import numpy as np

    data = buffers[index].data
    if data is None or len(data) == 0:
        return False
    if index not in halved:
        values = np.frombuffer(bytes(data), np.float32)
        if not (np.abs(values) <= _LARGEST).all():
            return False
        halved[index] = np.frombuffer(values.astype(np.float16).tobytes(), np.uint8)
    return True
