"""Proves a bundle on a device: its artifacts run there, and what comes back is judged as if they had run here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_export.bundle.folder import Bundle
from edge_export.bundle.numerics import ArtifactRun
from edge_export.bundle.perf import manifest_sha256
from edge_export.bundle.shard import WHOLE, Shard
from edge_export.devices.device import Device
from edge_export.devices.folder import new_run_id
from edge_export.devices.request import Request
from edge_export.devices.run import Job, results_of
from edge_export.errors import RequestError
from edge_export.files.owned import scratch_folder
from edge_export.formats import device_runs
from edge_export.pipeline.context import Progress
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.on_device import EMULATED_TIMEOUT_S, reporter
from edge_export.pipeline.proof import TIMEOUT_S, judged_runs, kind_of_item, make_exam, verify_items
from edge_export.pipeline.prove import checked_recordings
from edge_export.pipeline.score import score_in_worker
from edge_export.spec.device import DeviceFacts
from edge_export.workers import Pool

_SPARED = "without the held-out set, for which an emulator takes hours"


@dataclass(frozen=True)
class Proof:
    """What came out on one device.

    Attributes:
        facts: What the device says of itself.
        runs: The runs by member, of every artifact that it has a runtime for.
        left_out: The number of the other artifacts by format, or by format and backend.
        spared: What was not run of the recorded inputs, and why. Empty: everything was.
    """

    facts: DeviceFacts
    runs: dict[str, tuple[ArtifactRun, ...]]
    left_out: dict[str, int]
    spared: str = ""


def prove_on_device(
    bundle: Bundle,
    device: Device,
    mother: MotherSource | None,
    logs: Path,
    progress: Progress,
    *,
    shard: Shard = WHOLE,
    resume: bool,
) -> Proof:
    """Runs the artifacts of a bundle on a device, as `verify` does here, and judges what comes back.

    An emulated device runs the goldens and the extremes, but not the held-out set. Its verdicts say so.

    Args:
        mother: The mother, if the task metric is its own. None: such a metric is not measured.
        shard: The share of the artifacts that the device has a runtime for.
        resume: Whether to go on with a run whose link was lost.

    Raises:
        LinkLost: The device is gone; `resume` goes on.
        RequestError: The recorded inputs are damaged, the device can run nothing of the bundle, or there is nothing to
            resume.
    """
    recorded = checked_recordings(bundle)
    facts = device.facts()
    spared = _SPARED if facts.emulated and recorded.held_out is not None else ""
    if spared:
        recorded = recorded.model_copy(update={"held_out": None})
    every = [(member, artifact) for member in bundle.manifest.members for artifact in member.artifacts]
    left_out = Counter(
        artifact.format if artifact.format not in facts.runtimes else f"{artifact.format} for {artifact.backend}"
        for _, artifact in every
        if not device_runs(facts.runtimes, artifact.format, artifact.backend)
    )
    if len(every) == left_out.total():
        known = ", ".join(facts.runtimes) or "no format"
        raise RequestError(f"{device.name} runs {known}, the bundle has {', '.join(left_out)}: install a runtime there")
    job = Job("verify", bundle.root, manifest_sha256(bundle.root), resume)
    with scratch_folder() as work, Pool(1) as pool:
        exam = make_exam(bundle, facts.runtimes, recorded, work, shard)
        if not exam.chosen:
            return Proof(facts, {}, dict(left_out), spared)

        def make() -> tuple[Request, Mapping[str, Path]]:
            items, sources = verify_items(exam, EMULATED_TIMEOUT_S if facts.emulated else TIMEOUT_S)
            return Request(schema="1.0", run_id=new_run_id(), bundle=job.digest, items=tuple(items)), sources

        with results_of(device, job, make, lambda request: reporter(request, progress, kind_of_item)) as answered:
            metric = bundle.manifest.recorded.metric
            score = score_in_worker(pool, mother, metric, recorded.held_out, logs / "score.log")
            runs = judged_runs(exam, *answered, device.name, score=score, spared=spared, told=progress)
            return Proof(answered[1].facts, runs, dict(left_out), spared)
