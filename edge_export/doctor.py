"""Checks what works on this machine: each converter makes a file, and each runtime runs it and is compared.

The file is a small convolutional network. Everything runs in worker processes, so a broken installation cannot crash
this one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from edge_export.devices.host_tools import TOOLS, HostTool, look_for
from edge_export.errors import one_line
from edge_export.files.arrays import save_arrays
from edge_export.files.owned import scratch_folder
from edge_export.formats import FORMATS
from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compile_task import CompileAnswer, CompileRequest, Options
from edge_export.formats.installed import install_line, missing_imports
from edge_export.runtimes import Runtime, why_unavailable
from edge_export.runtimes.run import CompiledFile
from edge_export.spec.tensors import IOSpec, TensorSpec
from edge_export.spec.tolerance import Tolerance
from edge_export.verify.artifact import Reference, measure_artifact, why_wrong
from edge_export.workers import Pool, WorkerError
from edge_export.workers.environments import ENVIRONMENTS, environment_folder, interpreter

IO = IOSpec((TensorSpec("image", (1, 3, 8, 8), layout="NCHW"),), (TensorSpec("scores", (1, 4)),))
SET_UP = "edge_export doctor --setup"
TOLERANCE = Tolerance(snr_db=90, max_abs_of_peak=1e-4)


@dataclass(frozen=True)
class Check:
    """One converter or runtime.

    Attributes:
        kind: "converter", "runtime", "environment" or "program".
        ok: Whether it worked. None: it cannot be tried on this machine.
        detail: The measurement, or the error.
        remedy: How to fix or install it. Empty: nothing to do.
    """

    kind: str
    name: str
    version: str
    ok: bool | None
    detail: str
    remedy: str
    seconds: float


def checkup(jobs: int, logs: Path, report: Callable[[str], None]) -> list[Check]:
    """Converts and runs a small network in every format, and converts it in every isolated environment that is set up.

    Then it looks for the programs that the Kotlin tests, the Swift tests and emulated devices need.

    Args:
        jobs: The number of workers that run at once.
        report: Called with a description of each step.
    """
    with scratch_folder() as scratch, Pool(jobs) as pool:
        trial = _Trial(pool, scratch, _network(scratch), logs, report)
        checks = [check for name in FORMATS for check in _try_format(name, trial)]
        environments = [(name, environment) for name in FORMATS for environment in FORMATS[name].environments]
        checks += (_try_environment(*each, trial) for each in environments)
        return [*checks, *map(_try_program, TOOLS)]


@dataclass(frozen=True)
class _Trial:
    """The values that every check needs. `scratch` holds the network and receives the files."""

    pool: Pool
    scratch: Path
    reference: Reference
    logs: Path
    report: Callable[[str], None]

    def folder(self, format_name: str) -> Path:
        return self.scratch / format_name

    def log(self, format_name: str) -> Path:
        return self.logs / f"{format_name}.log"

    def convert(self, format_name: str, options: Options) -> CompileAnswer:
        """Converts the network to a format.

        Raises:
            WorkerError: It cannot be converted.
        """
        request = CompileRequest(
            format=format_name,
            precision="fp32",
            options=options,
            program=self.scratch / "network.pt2",
            io=IO,
            workdir=self.folder(format_name),
        )
        return compile_in_worker(self.pool, request, self.log(format_name))


def _network(scratch: Path) -> Reference:
    """Exports a small network to `network.pt2` in `scratch`, with 4 inputs and PyTorch's outputs for them."""
    import torch
    from torch import nn

    from edge_export.baking.export import export_program

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.Flatten(), nn.Linear(288, 4)).eval()
        images = torch.rand(4, 3, 8, 8)
    torch.export.save(export_program(network, (images[:1],)), scratch / "network.pt2")
    inputs, golden = scratch / "inputs.safetensors", scratch / "golden.safetensors"
    save_arrays(inputs, {"image": images.numpy()})
    with torch.no_grad():
        save_arrays(golden, {"scores": network(images).numpy()})
    return Reference(inputs, golden, None, "top1", "points", None, extremes=None)


def _try_format(name: str, trial: _Trial) -> Iterator[Check]:
    """Checks the converter of a format, then its runtimes if the conversion worked."""
    started, known = time.monotonic(), FORMATS[name]
    if missing := missing_imports(name):
        detail = f"not installed: no {', '.join(missing)}"
        yield _check("converter", name, "", started, None, detail, f"run `{install_line(name)}` to install it")
        return
    if known.environment and interpreter(known.environment) is None:
        purpose = ENVIRONMENTS[known.environment].description
        remedy = f"run `{SET_UP} {known.environment}` for {purpose}"
        yield _check("converter", name, "", started, None, "not set up", remedy)
        return
    trial.report(f"converting to {name}")
    again = f"pip install {' '.join(known.packages)}; the log is {trial.log(name)}"
    converter = _installed(known.packages[0].partition("==")[0])
    if known.environment:  # it has exactly the packages of its pins
        again, converter = _set_up_again(known.environment), known.packages[0].replace("==", " ")
    try:
        compiled = trial.convert(name, dict(known.direct))
    except WorkerError as error:
        yield _check("converter", name, converter, started, False, str(error), again)
        return
    yield _check("converter", name, converter, started, True, f"a network of 2 layers became {compiled.file}")
    for runtime in known.runtimes:
        if not runtime.environment or interpreter(runtime.environment):
            remedy = _set_up_again(runtime.environment) if runtime.environment else again
            yield _try_runtime(name, runtime, compiled, trial, remedy)


def _try_runtime(format_name: str, runtime: Runtime, compiled: CompileAnswer, trial: _Trial, again: str) -> Check:
    """Checks one runtime, with the file that the format's converter has made."""
    started = time.monotonic()
    if reason := why_unavailable(runtime):
        remedy = "run `verify` on a machine that has it"
        return _check("runtime", runtime.name, "", started, None, reason, remedy)
    trial.report(f"running in {runtime.name}")
    folder = trial.folder(format_name)
    file = CompiledFile(format=format_name, path=folder / compiled.file, io=compiled.io, member_io=IO)
    try:
        measured = measure_artifact(trial.pool, file, runtime, trial.reference, folder, trial.log(format_name))
    except WorkerError as error:
        return _check("runtime", runtime.name, "", started, False, str(error), again)
    version = measured.runtime.removeprefix(runtime.name).strip()
    if wrong := why_wrong(measured, TOLERANCE):
        return _check("runtime", runtime.name, version, started, False, wrong, again)
    detail = f"agrees with PyTorch, SNR {measured.agreement.snr_db:.0f} dB"
    return _check("runtime", runtime.name, version, started, True, detail)


def _try_environment(format_name: str, name: str, trial: _Trial) -> Check:
    """Checks an isolated environment with a conversion in it."""
    started = time.monotonic()
    if interpreter(name) is None:
        purpose = ENVIRONMENTS[name].description
        return _check("environment", name, "", started, None, "not set up", f"run `{SET_UP} {name}` for {purpose}")
    if missing_imports(format_name):
        detail = f"only used for {format_name}, which is not installed"
        return _check("environment", name, "", started, None, detail)
    trial.report(f"converting in the environment {name}")
    try:
        compiled = trial.convert(format_name, dict(FORMATS[format_name].environments[name]))
    except WorkerError as error:
        return _check("environment", name, "", started, False, str(error), _set_up_again(name))
    version = f"{name} {compiled.tools[name]}"
    return _check("environment", name, version, started, True, f"a network of 2 layers became {compiled.file}")


def _try_program(tool: HostTool) -> Check:
    started = time.monotonic()
    found = look_for(tool)
    return _check("program", tool.name, found.version, started, found.works, found.detail, found.remedy)


def _set_up_again(environment: str) -> str:
    return f"remove {environment_folder(environment)}, then run `{SET_UP} {environment}`"


def _check(kind: str, name: str, version: str, started: float, ok: bool | None, detail: str, remedy: str = "") -> Check:
    return Check(kind, name, version, ok, one_line(detail), remedy, time.monotonic() - started)


def _installed(package: str) -> str:
    """Returns the package and its installed version."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} is not installed"
