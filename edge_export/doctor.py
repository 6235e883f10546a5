"""Find out what works on this machine: each converter makes a real file, each runtime runs it, and both are compared.

The file is a small convolutional network, in worker processes of its own, so that a broken installation can't do worse
than fail here.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from edge_export.errors import one_line
from edge_export.formats import FORMATS
from edge_export.formats.order import compile_in_worker
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes import runtime_of, why_unavailable
from edge_export.verify.artifact import File, Reference, measure_artifact, why_wrong
from edge_export.verify.goldens import save_arrays
from edge_export.verify.tolerances import Tolerance
from edge_export.workers import Pool, WorkerError

# What converts to each format first, then what it needs: versions that are known to work together.
PACKAGES: dict[str, tuple[str, ...]] = {
    "executorch": ("executorch==1.4.1", "torch==2.13.0"),
    "coreml": ("coremltools==9.0", "torch==2.13.0", "numpy==2.2.6"),
    "tflite": ("onnx2tf==2.6.9", "onnx==1.20.1", "onnxscript==0.6.2", "ai-edge-litert==2.1.2"),
}
IO = IOSpec((TensorSpec("image", (1, 3, 8, 8), layout="NCHW"),), (TensorSpec("scores", (1, 4)),))
TOLERANCE = Tolerance(snr_db=90, max_abs_of_peak=1e-4)


@dataclass(frozen=True)
class Check:
    """One converter or runtime.

    Attributes:
        kind: "converter" or "runtime".
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
    """Convert and run a small network in every format.

    Args:
        jobs: Workers at work at once.
        told: Is told what is being tried.
    """
    with tempfile.TemporaryDirectory(prefix="edge_export-") as folder, Pool(jobs) as pool:
        scratch = Path(folder)
        reference = _network(scratch)
        return [check for name in FORMATS for check in _try_format(name, pool, scratch, reference, logs, told)]


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
    return Reference(inputs, golden, None, "top1", None, extremes=(inputs, golden))


def _try_format(
    name: str, pool: Pool, scratch: Path, reference: Reference, logs: Path, told: Callable[[str], None]
) -> Iterator[Check]:
    """The converter of a format, then its runtime if there is anything to run."""
    started = time.monotonic()

    def check(kind: str, title: str, version: str, ok: bool | None, detail: str, remedy: str) -> Check:
        return Check(kind, title, version, ok, one_line(detail), remedy, time.monotonic() - started)

    told(f"converting to {name}")
    again = f"pip install {' '.join(PACKAGES[name])}; the log is {logs / name}.log"
    converter = _installed(PACKAGES[name][0].partition("==")[0])
    try:
        compiled = compile_in_worker(
            pool,
            format_name=name,
            precision="fp32",
            options={},
            program=scratch / "network.pt2",
            io=IO,
            workdir=scratch / name,
            log=logs / f"{name}.log",
        )
    except WorkerError as error:
        yield check("converter", name, converter, False, str(error), again)
        return
    yield check("converter", name, converter, True, f"a network of 2 layers became {compiled.path.name}", "")

    started = time.monotonic()
    runtime = runtime_of(name).name
    if reason := why_unavailable(runtime_of(name)):
        yield check("runtime", runtime, "", None, reason, "nothing to mend here: run `verify` on such a machine")
        return
    told(f"running in {runtime}")
    try:
        measured = measure_artifact(
            pool,
            File(name, compiled.path, compiled.io, IO),
            runtime_of(name),
            reference,
            scratch / name,
            logs / f"{name}.log",
        )
    except WorkerError as error:
        yield check("runtime", runtime, "", False, str(error), again)
        return
    version = measured.runtime.removeprefix(runtime).strip()
    wrong = why_wrong(measured, TOLERANCE)
    detail = wrong or f"agrees with PyTorch, SNR {measured.agreement.snr_db:.0f} dB"
    yield check("runtime", runtime, version, not wrong, detail, again if wrong else "")


def _installed(package: str) -> str:
    """The package and its version as installed here."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        return f"{package} is not installed"
