"""Float32 files that a converter wrote in an isolated environment, and that the format's own `compile` then reads.

    … ─ a task of the environment ─> workdir/CONVERTED ─ compile ─> artifact

`compile` checks such a file as one of its own, and makes the other precisions of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_export.spec.tensors import IOSpec, TensorSpec
from edge_export.workers.task import Message

CONVERTED = "converted.tflite"


class NotConverted(ValueError):
    """The direct route made no file of this network, or a wrong one. Another one may make a correct one."""


class ConvertedAnswer(Message):
    """The versions of the packages that made the file, and the time that the task took, in seconds."""

    tools: dict[str, str]
    seconds: float


def read_converted(workdir: Path) -> bytes:
    """Returns the file that a task wrote to `workdir`. Raises ValueError if there is none."""
    path = workdir / CONVERTED
    if not path.is_file():
        raise ValueError(f"{path} is missing: start this route with `compile_in_worker`")
    return path.read_bytes()


def name_signature(content: bytes, io: IOSpec) -> bytes:
    """Gives tensors and signature the names and the order of `io`, because converters use their own.

    The names in the file's only signature end with the place in `io`, such as `output_1`.
    """
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (signature,) = model.signatureDefs
    graph = model.subgraphs[signature.subgraphIndex]
    # Inputs last, so that an input that is also an output keeps its name as an input.
    signature.outputs = _named(signature.outputs, io.outputs, graph.tensors)
    signature.inputs = _named(signature.inputs, io.inputs, graph.tensors)
    graph.outputs = [each.tensorIndex for each in signature.outputs]
    graph.inputs = [each.tensorIndex for each in signature.inputs]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _named(entries: list[Any], specs: tuple[TensorSpec, ...], tensors: list[Any]) -> list[Any]:
    ordered = sorted(entries, key=lambda entry: int(entry.name.rpartition(b"_")[2]))
    for entry, spec in zip(ordered, specs, strict=True):
        entry.name = tensors[entry.tensorIndex].name = spec.name
    return ordered
