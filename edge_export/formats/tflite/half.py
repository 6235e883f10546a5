"""Store the constants of a float32 `.tflite` file as float16. They are widened at loading; it computes in float32.

    weights (float32) → operator      becomes      weights (float16) → DEQUANTIZE → operator

This applies to every constant, small ones too. XNNPACK widens the weights of an operator once, while loading, only if
all its constants are stored this way. With float16 weights and float32 biases, a convolution took three times as long.
"""

from __future__ import annotations

from typing import Any

from edge_export.formats.tflite.flatbuffer_sharing import write

_LARGEST = 65504.0
"""The largest float16 value. A constant with a larger value stays float32."""


def halve(float32: bytes) -> bytes:
    """Returns the file `float32` with its constants as float16."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(float32), 0)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 3  # the first version that reads float16
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
        for operator in graph.operators or ():
            operator.inputs = [widened.get(int(index), int(index)) for index in operator.inputs]
        graph.operators[:0] = [
            schema.OperatorT(opcodeIndex=len(model.operatorCodes) - 1, inputs=[index], outputs=[wide])
            for index, wide in widened.items()
        ]
    for index, values in halved.items():
        model.buffers[index].data = values
    return write(model)


def _halve_buffer(buffers: Any, index: int, halved: dict[int, Any]) -> bool:
    """Puts buffer `index` into `halved`, as float16 bytes. Returns False if it is empty or a value is too large."""
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
