"""ONNX Runtime, for the intermediate `.onnx` files of a route to an artifact."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from edge_export.files.arrays import Array
from edge_export.formats.compiled import require_io
from edge_export.spec.arrays import Run, check_inputs, check_outputs
from edge_export.spec.tensors import IOSpec, TensorSpec

_DTYPES = {"float": "float32", "float16": "float16", "double": "float64"}


def available() -> str | None:
    """Returns None if it can run on this machine, otherwise the reason why not."""
    return None if find_spec("onnxruntime") else "onnxruntime is not installed"


def version() -> str:
    return installed_version("onnxruntime")


def load(path: Path, io: IOSpec, threads: int = 1) -> Run:
    """Loads the model in `path` to run on `threads` threads of the CPU.

    Raises:
        ValueError: Its inputs and outputs are not those of `io`.
        RuntimeError: ONNX Runtime rejects the file.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    require_io(io, _specs(session.get_inputs()), _specs(session.get_outputs()))

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        check_inputs(io, inputs)
        names = [spec.name for spec in io.outputs]
        outputs = dict(zip(names, session.run(names, inputs), strict=True))
        check_outputs(io, outputs)
        return outputs

    return run


def _specs(values: list[Any]) -> list[TensorSpec]:
    def dtype(value: Any) -> str:
        name: str = value.type.removeprefix("tensor(").removesuffix(")")
        return _DTYPES.get(name, name)

    return [TensorSpec(value.name, tuple(value.shape), dtype(value)) for value in values]
