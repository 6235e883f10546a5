"""Find out what works on this machine: each converter makes a real file, each runtime runs it, and both are compared.

The file is a small convolutional network, in worker processes of its own, so that a broken installation can't do worse
than fail here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from edge_export.errors import one_line
from edge_export.files.arrays import save_arrays
from edge_export.files.owned import scratch_folder
from edge_export.formats import FORMATS
from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compiled import Compiled
from edge_export.formats.installed import install_line, missing_imports
from edge_export.formats.tflite import tensorflow_route
from edge_export.runtimes import RUNTIMES, Runtime, why_unavailable
from edge_export.spec.tensors import IOSpec, TensorSpec
from edge_export.spec.tolerance import Tolerance
from edge_export.verify.artifact import File, Reference, measure_artifact, why_wrong
from edge_export.workers import Pool, WorkerError
from edge_export.workers.environments import ENVIRONMENTS, environment_folder, interpreter

# What converts to each format first, then what it needs: versions that are known to work together.
PACKAGES: dict[str, tuple[str, ...]] = {
    "executorch": ("executorch==1.4.1", "torch==2.13.0"),
    "coreml": ("coremltools==9.0", "torch==2.13.0", "numpy==2.2.6"),
    "tflite": ("onnx2tf==2.6.9", "onnx==1.20.1", "onnxscript==0.6.2", "ai-edge-litert==2.1.2"),
}
IO = IOSpec((TensorSpec("image", (1, 3, 8, 8), layout="NCHW"),), (TensorSpec("scores", (1, 4)),))
OWN_ROUTE: dict[str, dict[str, object]] = {"tflite": {"route": tensorflow_route.DIRECT}}
"""Options that keep a converter from leaving its work to another."""
SET_UP = "python -m edge_export doctor --setup"
TOLERANCE = Tolerance(snr_db=90, max_abs_of_peak=1e-4)


@dataclass(frozen=True)
class Check:
    """One converter or runtime.

    Attributes:
        kind: "converter", "runtime" or "environment".
        ok: Whether it did its work just now; None when it can't be tried on this machine.
        detail: What was measured, or what went wrong.
        remedy: How to mend it; empty when nothing is broken.
    """

    kind: str
    name: str
    version: str
    ok: bool | None
    detail: str
    remedy: str
    seconds: float


def checkup(jobs: int, logs: Path, told: Callable[[str], None]) -> list[Check]:
    """Convert and run a small network in every format, and in every isolated environment that is set up.

    Args:
        jobs: Workers at work at once.
        told: Is told what is being tried.
    """
    with scratch_folder() as scratch, Pool(jobs) as pool:
        bench = _Bench(pool, scratch, _network(scratch), logs, told)
        checks = [check for name in FORMATS for check in _try_format(name, bench)]
        return [*checks, _try_tensorflow(bench)]


@dataclass(frozen=True)
class _Bench:
    """What every check needs; `scratch` holds the network and takes the files."""

    pool: Pool
    scratch: Path
    reference: Reference
    logs: Path
    told: Callable[[str], None]

    def convert(self, format_name: str, options: dict[str, object]) -> Compiled:
        """The network in a format; WorkerError when it can't be converted."""
        return compile_in_worker(
            self.pool,
            format_name=format_name,
            precision="fp32",
            options=options,
            program=self.scratch / "network.pt2",
            io=IO,
            workdir=self.scratch / format_name,
            log=self.logs / f"{format_name}.log",
        )


def _network(scratch: Path) -> Reference:
    """Export a small network to `network.pt2` in `scratch`, with 4 inputs and the outputs that PyTorch gives."""
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
    return Reference(inputs, golden, None, "top1", None, extremes=None)


def _try_format(name: str, bench: _Bench) -> Iterator[Check]:
    """The converter of a format, then its runtimes if there is anything to run."""
    started = time.monotonic()
    if missing := missing_imports(name):
        detail = f"not installed: no {', '.join(missing)}"
        yield _check("converter", name, "", started, None, detail, f"`{install_line(name)}` to have it")
        return
    bench.told(f"converting to {name}")
    again = f"pip install {' '.join(PACKAGES[name])}; the log is {bench.logs / name}.log"
    converter = _installed(PACKAGES[name][0].partition("==")[0])
    try:
        compiled = bench.convert(name, OWN_ROUTE.get(name, {}))
    except WorkerError as error:
        yield _check("converter", name, converter, started, False, str(error), again)
        return
    yield _check("converter", name, converter, started, True, f"a network of 2 layers became {compiled.path.name}")
    for runtime in RUNTIMES[name]:
        if not runtime.environment or interpreter(runtime.environment):
            remedy = _set_up_again(runtime.environment) if runtime.environment else again
            yield _try_runtime(name, runtime, compiled, bench, remedy)


def _try_runtime(format_name: str, runtime: Runtime, compiled: Compiled, bench: _Bench, again: str) -> Check:
    """One runtime, on a file that the format's converter has just made."""
    started = time.monotonic()
    if reason := why_unavailable(runtime):
        remedy = "nothing to mend here: run `verify` on such a machine"
        return _check("runtime", runtime.name, "", started, None, reason, remedy)
    bench.told(f"running in {runtime.name}")
    file = File(format_name, compiled.path, compiled.io, IO)
    log = bench.logs / f"{format_name}.log"
    try:
        measured = measure_artifact(bench.pool, file, runtime, bench.reference, bench.scratch / format_name, log)
    except WorkerError as error:
        return _check("runtime", runtime.name, "", started, False, str(error), again)
    version = measured.runtime.removeprefix(runtime.name).strip()
    if wrong := why_wrong(measured, TOLERANCE):
        return _check("runtime", runtime.name, version, started, False, wrong, again)
    detail = f"agrees with PyTorch, SNR {measured.agreement.snr_db:.0f} dB"
    return _check("runtime", runtime.name, version, started, True, detail)


def _try_tensorflow(bench: _Bench) -> Check:
    """TensorFlow's environment, by a conversion there."""
    name, started = tensorflow_route.ENVIRONMENT, time.monotonic()
    if interpreter(name) is None:
        wanted = ENVIRONMENTS[name].description
        return _check("environment", name, "", started, None, "not set up", f"`{SET_UP} {name}` for {wanted}")
    if missing_imports("tflite"):
        return _check("environment", name, "", started, None, "only makes tflite, which is not installed")
    bench.told(f"converting in the environment {name}")
    try:
        compiled = bench.convert("tflite", {"route": tensorflow_route.BY_TENSORFLOW})
    except WorkerError as error:
        return _check("environment", name, "", started, False, str(error), _set_up_again(name))
    version = f"tensorflow {compiled.tools['tensorflow']}"
    return _check("environment", name, version, started, True, f"a network of 2 layers became {compiled.path.name}")


def _set_up_again(environment: str) -> str:
    return f"remove {environment_folder(environment)}, then `{SET_UP} {environment}`"


def _check(kind: str, name: str, version: str, started: float, ok: bool | None, detail: str, remedy: str = "") -> Check:
    return Check(kind, name, version, ok, one_line(detail), remedy, time.monotonic() - started)


def _installed(package: str) -> str:
    """The package and its version as installed here."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} is not installed"
