"""Core ML itself, for `.mlpackage` folders: it is a part of macOS."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

from edge_export.formats.compiled import require_io
from edge_export.formats.coreml import tensor_specs
from edge_export.mothers.protocol import IOSpec
from edge_export.runtimes.arrays import Array, Run, check_inputs, check_outputs


def available() -> str | None:
    """None when it can run here, or why not."""
    if sys.platform != "darwin":
        return "Core ML runs on macOS only"
    return None if find_spec("coremltools") else "coremltools is not installed"


def version() -> str:
    return installed_version("coremltools")


def load(path: Path, io: IOSpec, threads: int = 1) -> Run:
    """Compile and load the package in `path`, for the CPU: the unit whose numbers do not depend on the machine.

    Core ML takes as many threads as it likes; `threads` has no effect.

    Raises:
        ValueError: Its inputs and outputs are not those of `io`.
        RuntimeError: Not on macOS, or Core ML cannot compile it.
    """
    import coremltools as ct

    if reason := available():
        raise RuntimeError(reason)
    model = ct.models.MLModel(str(path), compute_units=ct.ComputeUnit.CPU_ONLY)
    require_io(io, *tensor_specs(model.get_spec()))

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        check_inputs(io, inputs)
        outputs = model.predict(inputs)
        check_outputs(io, outputs)
        return {spec.name: outputs[spec.name] for spec in io.outputs}

    return run
