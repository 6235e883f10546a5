"""LiteRT, formerly TensorFlow Lite, for `.tflite` files, with its XNNPACK delegate."""

from __future__ import annotations

import struct
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edge_export.files.arrays import Array
from edge_export.formats.compiled import require_io
from edge_export.formats.tflite.compile import SIGNATURE, tensor_specs
from edge_export.spec.arrays import Run, check_inputs, check_outputs
from edge_export.spec.tensors import IOSpec


def available() -> str | None:
    """Returns None if it can run on this machine, otherwise the reason why not."""
    return None if find_spec("ai_edge_litert") else "ai-edge-litert is not installed"


def version() -> str:
    return installed_version("ai-edge-litert")


def load(path: Path, io: IOSpec, threads: int = 1) -> Run:
    """Loads the file in `path` to run on `threads` threads.

    Raises:
        ValueError: The file is truncated or damaged, LiteRT rejects it, or its inputs and outputs are not those of
            `io`. A damaged file may also crash this process, so load it in a worker.
        RuntimeError: An operator cannot be prepared.
    """
    from ai_edge_litert.interpreter import Interpreter

    _check_offsets(path)
    interpreter = Interpreter(str(path), num_threads=threads)
    return run_signature(interpreter, io)


def _check_offsets(path: Path) -> None:
    """Raises ValueError if an offset points out of the file. LiteRT would follow it and read arbitrary memory."""
    from ai_edge_litert.schema_py_generated import ModelT

    try:
        ModelT.InitFromPackedBuf(bytearray(path.read_bytes()), 0)
    except (struct.error, ValueError, IndexError, TypeError, OverflowError) as error:
        raise ValueError(f"{path.name} is truncated or damaged: {error}") from None


def run_signature(interpreter: Any, io: IOSpec) -> Run:
    """Returns a function that runs the signature of an interpreter, LiteRT's or TensorFlow's. Raises as `load` does."""
    interpreter.allocate_tensors()
    require_io(io, *tensor_specs(interpreter, io))
    runner = interpreter.get_signature_runner(SIGNATURE)

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        check_inputs(io, inputs)
        outputs = runner(**inputs)
        check_outputs(io, outputs)
        return {spec.name: outputs[spec.name] for spec in io.outputs}

    return run
