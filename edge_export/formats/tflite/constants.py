"""The constants of a TensorFlow Lite file, for the check that they are finite (`formats/not_finite.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_export.formats.not_finite import Constant, Use
from edge_export.formats.tflite.operators import operator_name

_LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_USES: dict[tuple[str, int], Use] = {
    **{(name, 1): "weight" for name in _LAYERS},
    **{(name, 2): "added" for name in _LAYERS},
    **{("BATCH_MATMUL", position): "weight" for position in (0, 1)},
    **{(name, position): "added" for name in ("ADD", "SUB", "MUL") for position in (0, 1)},
}
"""The uses of an operator's inputs, by its name and their position."""


def float_constants(path: Path) -> Iterator[Constant]:
    """Yields every float constant of the file in `path`, and the scales of its int8 constants."""
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    dtypes = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.FLOAT16: np.float16}
    for graph in model.subgraphs:
        uses = _uses(schema, model, graph)
        for index, tensor in enumerate(graph.tensors):
            scale = tensor.quantization.scale if tensor.quantization is not None else None
            if scale is not None and len(scale):
                yield Constant(np.asarray(scale), "weight")
            data = model.buffers[tensor.buffer].data
            if tensor.type in dtypes and data is not None and len(data):
                values = np.frombuffer(bytes(data), dtypes[tensor.type])
                for use in uses.get(index, {""}):
                    yield Constant(values.reshape(tensor.shape), use)


def _uses(schema: Any, model: Any, graph: Any) -> dict[int, set[Use]]:
    """Returns how operators use the tensors of a graph, by index. What is widened is used as its result is."""
    names = [operator_name(schema, code) for code in model.operatorCodes]
    uses: dict[int, set[Use]] = {}
    widened = []
    for operator in graph.operators or ():
        name = names[operator.opcodeIndex]
        if name == "DEQUANTIZE":
            widened.append((int(operator.inputs[0]), int(operator.outputs[0])))
        for position, index in enumerate(operator.inputs):
            if use := _USES.get((name, position)):
                uses.setdefault(int(index), set()).add(use)
    for source, result in widened:
        uses.setdefault(source, set()).update(uses.get(result, set()))
    return {index: each for index, each in uses.items() if each}
