"""A member as a TensorFlow Lite file by litert-torch, from its exported program: no ONNX, no TensorFlow.

litert-torch is installed in its own environment, so the route has two steps, one worker task each. Both take the
request of "compile". `routes.py` submits them in order:

    program ─ convert_program, in the environment ─> workdir/CONVERTED ─ compile ─> artifact

The last one is the format's own.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from edge_export.formats.compile_task import CompileRequest
from edge_export.formats.compiled import versions
from edge_export.formats.tflite.converted import CONVERTED, ConvertedAnswer, name_signature
from edge_export.spec.tensors import IOSpec
from edge_export.workers.task import WorkerTask

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def convert_program(request: CompileRequest) -> ConvertedAnswer:
    """The task "convert_program", for litert-torch's environment: converts the program to a float32 file."""
    from edge_export.formats.legalize.program import legalized
    from edge_export.formats.program import decomposed, load_program
    from edge_export.formats.tflite.compile import artifact_io

    start, io = time.perf_counter(), request.io
    own_io = artifact_io(io, request.options)
    program, _ = legalized(load_program(request.program, io), "tflite")
    program = decomposed(program, request.options)
    (request.workdir / CONVERTED).write_bytes(name_signature(_convert(program, io, own_io), own_io))
    return ConvertedAnswer(tools=versions("litert-torch", "litert-converter"), seconds=time.perf_counter() - start)


CONVERT_PROGRAM = WorkerTask("convert_program", CompileRequest, ConvertedAnswer, convert_program)


def _convert(program: ExportedProgram, io: IOSpec, own_io: IOSpec) -> bytes:
    """Converts to a file whose signature names are `args_0`, `output_0` and so on, in the layouts of `own_io`."""
    os.environ["LITERT_TORCH_SHOW_PROGRESS"] = "n"
    import litert_torch
    import torch

    module = program.module()

    class Moved(torch.nn.Module):
        """The program with the layouts of `own_io`."""

        def forward(self, *inputs: Any) -> tuple[Any, ...]:
            given = zip(inputs, own_io.inputs, io.inputs, strict=True)
            results = module(*(_moved(value, own.layout, spec.layout) for value, own, spec in given))
            results = (results,) if isinstance(results, torch.Tensor) else results
            made = zip(results, io.outputs, own_io.outputs, strict=True)
            return tuple(_moved(value, spec.layout, own.layout) for value, spec, own in made)

    network = Moved()
    network.training = False  # a program has no eval()
    inputs = tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in own_io.inputs)
    wide = any(spec.dtype == "int64" for spec in (*own_io.inputs, *own_io.outputs))
    model = litert_torch.convert(network, inputs, enable_x64=wide)
    content: bytes = model.model_content()
    return content


def _moved(value: Any, source: str, target: str) -> Any:
    return value if source == target else value.permute([source.index(axis) for axis in target])
