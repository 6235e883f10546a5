"""Read the contents of a TensorFlow Lite file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_export.formats.contents import Contents, counted
from edge_export.formats.tflite.operators import operator_name
from edge_export.spec.tensors import TensorSpec


def inspect(path: Path) -> Contents:
    """Reads the file in `path`: operators of all subgraphs, inputs and outputs of the first one.

    Raises:
        ValueError: The file does not have TensorFlow Lite's identifier.
    """
    from ai_edge_litert import schema_py_generated as schema

    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise ValueError("it does not begin as a TensorFlow Lite file")
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    codes = [operator_name(schema, code) for code in model.operatorCodes]
    main = model.subgraphs[0]
    names = _signature_names(model)
    return Contents(
        format="tflite",
        bytes=len(data),
        weight_bytes=sum(0 if buffer.data is None else len(buffer.data) for buffer in model.buffers or ()),
        inputs=tuple(_spec(schema, main.tensors[index], names.get(int(index))) for index in main.inputs),
        outputs=tuple(_spec(schema, main.tensors[index], names.get(int(index))) for index in main.outputs),
        operators=counted(
            [codes[operator.opcodeIndex] for graph in model.subgraphs for operator in graph.operators or ()]
        ),
    )


def _signature_names(model: Any) -> dict[int, str]:
    """Returns the signature's names by tensor index. Apps use these names; a tensor's own name may differ."""
    maps = [m for signature in model.signatureDefs or () for m in (*signature.inputs, *signature.outputs)]
    return {int(each.tensorIndex): _text(each.name) for each in maps}


def _spec(schema: Any, tensor: Any, name: str | None) -> TensorSpec:
    dtype = next(name for name, value in vars(schema.TensorType).items() if value == tensor.type)
    return TensorSpec(name or _text(tensor.name), tuple(map(int, tensor.shape)), dtype.lower())


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
