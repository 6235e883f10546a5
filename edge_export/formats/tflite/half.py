"""Store the constants of a float32 `.tflite` file as float16. They are widened at loading; it computes in float32.

    weights (float32) → operator      becomes      weights (float16) → DEQUANTIZE → operator

This applies to every constant, small ones too. XNNPACK widens the weights of an operator once, while loading, only if
all its constants are stored this way. With float16 weights and float32 biases, a convolution took three times as long.
"""

from __future__ import annotations

from typing import Any

from edge_export.formats.tflite.flatbuffer_sharing import write

_LARGEST, _SMALLEST = 65504.0, 2.0**-14
"""The largest float16 value, and the smallest with all its digits.

A constant with a larger value stays float32, and one whose largest value is smaller: 1e-8 becomes 0 in float16, which
is a divisor of zero where it is added to silence.
"""


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
    """Puts buffer `index` into `halved`, as float16 bytes. Returns False if it is empty or beyond float16's range."""
    import numpy as np

    data = buffers[index].data
    if data is None or len(data) == 0:
        return False
    if index not in halved:
        values = np.frombuffer(bytes(data), np.float32)
        peak = np.abs(values).max()
        if not (peak == 0 or _SMALLEST <= peak <= _LARGEST):  # NaN is neither
            return False
        halved[index] = np.frombuffer(values.astype(np.float16).tobytes(), np.uint8)
    return True
