"""Notes for the user on what is float32 in a `.tflite` file."""

from __future__ import annotations

from collections import Counter
from typing import Any

_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


def stayed_float(content: bytes) -> tuple[str, ...]:
    """Returns notes: which operators compute in float32, and how many constants are stored in it, a sentence each."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(bytearray(content), 0)
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    codes = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    floats: Counter[str] = Counter()
    total = 0
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            name = codes[operator.opcodeIndex]
            if name not in _CONVERSIONS:
                total += 1
                floats[name] += not _in_integers(schema, graph, operator)
    constants = {
        tensor.buffer: len(model.buffers[tensor.buffer].data)
        for graph in model.subgraphs
        for tensor in graph.tensors
        if tensor.type == schema.TensorType.FLOAT32 and model.buffers[tensor.buffer].data is not None
    }
    notes = ["inputs and outputs are float32"]
    if total and floats.total() == total:
        notes.append(f"all {total} operators compute in float32")
    elif floats.total():
        listed = ", ".join(f"{name} ×{count}" for name, count in sorted(floats.items()) if count)
        notes.append(f"{floats.total()} of {total} operators compute in float32: {listed}")
    if constants:
        notes.append(f"{len(constants)} constants of {sum(constants.values())} bytes together are stored as float32")
    return tuple(notes)


def _in_integers(schema: Any, graph: Any, operator: Any) -> bool:
    """Whether an operator has an input, output or weight in int8."""
    tensors = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
    return any(tensor.type == schema.TensorType.INT8 for tensor in tensors)
