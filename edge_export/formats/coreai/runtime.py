"""Apple's Core AI runtime for `.aimodel` folders: a part of macOS 27, and of coreai-core on Linux.

On Linux the asset, as it is shipped, is compiled for this CPU into a temporary folder, and that is loaded.
"""

from __future__ import annotations

import asyncio
import platform
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from edge_export.files.arrays import Array
from edge_export.formats.compiled import require_io
from edge_export.formats.coreai import ENVIRONMENT
from edge_export.formats.coreai.compile import FUNCTION, open_asset, summary_of, tensor_specs
from edge_export.spec.arrays import Run, check_inputs, check_outputs
from edge_export.spec.tensors import IOSpec
from edge_export.workers.environments import why_missing


def available() -> str | None:
    """Returns None if its environment is set up, otherwise a line with the command that sets it up."""
    return why_missing(ENVIRONMENT)


def version() -> str:
    """Returns the version of the runtime. Works only in a process of the environment."""
    core = f"{installed_version('coreai-core')} of coreai-core"
    return f"of macOS {platform.mac_ver()[0]}" if _by_system() else core


UNITS = ("cpu", "gpu", "neural engine", "all")
"""Compute units of macOS. Core AI runs operators that a unit does not support on the CPU."""


def load(path: Path, io: IOSpec, threads: int = 1, unit: str = "cpu") -> Run:
    """Loads the asset in `path`, on macOS for one of `UNITS`. Works only in a process of the environment.

    Core AI chooses its number of threads itself; `threads` has no effect.

    Raises:
        ValueError: Its inputs and outputs are not those of `io`, it is damaged, or the unit is unknown.
        RuntimeError: Core AI cannot compile it, or has no such unit here.
    """
    from coreai.runtime import NDArray

    if unit not in UNITS:
        raise ValueError(f"compute unit {unit!r} is not one of {', '.join(UNITS)}")
    require_io(io, *tensor_specs(summary_of(path)))
    loop = asyncio.new_event_loop()
    function = loop.run_until_complete(_load(open_asset(path), unit))

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        check_inputs(io, inputs)
        arrays = {spec.name: NDArray(inputs[spec.name]) for spec in io.inputs}
        results = loop.run_until_complete(_call(function, arrays))
        outputs = {spec.name: results[spec.name].numpy().copy() for spec in io.outputs}
        check_outputs(io, outputs)
        return outputs

    return run


async def _load(asset: Any, unit: str) -> Any:
    async with asset.executable(_specialization(unit)) as model:
        return model.load_function(FUNCTION)


async def _call(function: Any, arrays: dict[str, Any]) -> dict[str, Any]:
    results: dict[str, Any] = await function(arrays)
    return results


def _by_system() -> bool:
    from coreai.runtime import _use_os_coreai

    return bool(_use_os_coreai)


def _specialization(unit: str) -> Any:
    """Returns the options that select a compute unit. None: coreai-core's runtime, which has the CPU only."""
    if sys.platform != "darwin" or not _by_system():
        if unit != "cpu":
            raise RuntimeError(f"compute unit {unit!r} needs Core AI in macOS 27")
        return None
    from coreai.runtime import ComputeUnitKind, SpecializationOptions

    if unit == "cpu":
        return SpecializationOptions.cpu_only()
    if unit == "all":
        return SpecializationOptions.default()
    kind = ComputeUnitKind.gpu() if unit == "gpu" else ComputeUnitKind.neural_engine()
    return SpecializationOptions.from_preferred_compute_unit_kind(kind)
