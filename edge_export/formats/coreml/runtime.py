"""Apple's Core ML runtime for `.mlpackage` folders. It is a part of macOS."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

from edge_export.files.arrays import Array
from edge_export.formats.compiled import require_io
from edge_export.formats.coreml.compile import tensor_specs
from edge_export.formats.coreml.library import coremltools
from edge_export.spec.arrays import Run, check_inputs, check_outputs
from edge_export.spec.tensors import IOSpec


def available() -> str | None:
    """Returns None if it can run on this machine, otherwise the reason why not."""
    if sys.platform != "darwin":
        return "Core ML runs on macOS only"
    return None if find_spec("coremltools") else "coremltools is not installed"


def version() -> str:
    return installed_version("coremltools")


UNITS: dict[str, str] = {"cpu": "CPU_ONLY", "gpu": "CPU_AND_GPU", "neural engine": "CPU_AND_NE", "all": "ALL"}
"""Compute units and their names in coremltools. Core ML runs operators that a unit does not support on the CPU."""


def load(path: Path, io: IOSpec, threads: int = 1, unit: str = "cpu") -> Run:
    """Compiles and loads the package in `path` for one of `UNITS`. The CPU's results do not depend on the machine.

    Core ML chooses its number of threads itself; `threads` has no effect.

    Raises:
        ValueError: Its inputs and outputs are not those of `io`, or the unit is unknown.
        RuntimeError: Not on macOS, or Core ML cannot compile it.
    """
    ct = coremltools()
    if unit not in UNITS:
        raise ValueError(f"compute unit {unit!r} is not one of {', '.join(UNITS)}")
    if reason := available():
        raise RuntimeError(reason)
    model = ct.models.MLModel(str(path), compute_units=ct.ComputeUnit[UNITS[unit]])
    require_io(io, *tensor_specs(model.get_spec()))

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        check_inputs(io, inputs)
        outputs = model.predict(inputs)
        check_outputs(io, outputs)
        return {spec.name: outputs[spec.name] for spec in io.outputs}

    return run
