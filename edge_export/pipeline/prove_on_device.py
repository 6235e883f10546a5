"""Proves a bundle on a device: its artifacts run there, and what comes back is judged as if they had run here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact, Member
from edge_export.bundle.numerics import ArtifactRun
from edge_export.bundle.perf import manifest_sha256
from edge_export.bundle.shard import WHOLE, Shard, in_shard
from edge_export.devices.device import Device
from edge_export.devices.folder import artifact_part, describe_part, new_run_id
from edge_export.devices.request import Item, Request
from edge_export.devices.results import ItemResult, Results
from edge_export.devices.run import Job, results_of
from edge_export.errors import RequestError
from edge_export.files.owned import scratch_folder
from edge_export.pipeline.context import Progress
from edge_export.pipeline.mother_source import MotherSource, RecordedFiles
from edge_export.pipeline.on_device import EMULATED_TIMEOUT_S, artifact_damage, reporter
from edge_export.pipeline.prove import checked_recordings, golden_damage, unit_of
from edge_export.pipeline.score import score_in_worker
from edge_export.pipeline.size import judge_size
from edge_export.spec.device import DeviceFacts
from edge_export.verify.artifact import Outputs, Reference, join_inputs, measure_outputs
from edge_export.verify.verdict import judge_measured, not_run
from edge_export.workers import Pool, WorkerError

RECORDED, EXTREMES = "recorded", "extremes"
Found = dict[tuple[str, str, str], ItemResult | None]
_TIMEOUT_S = 600.0
_SPARED = "without the held-out set, for which an emulator takes hours"


@dataclass(frozen=True)
class Subject:
    """An artifact that the device has a runtime for.

    Attributes:
        reason: Why it is not run. Empty: it is.
    """

    member: Member
    artifact: Artifact
    reason: str


@dataclass(frozen=True)
class Proof:
    """What came out on one device.

    Attributes:
        facts: What the device says of itself.
        runs: The runs by member, of every artifact that it has a runtime for.
        left_out: The number of the other artifacts by format.
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
    left_out = Counter(artifact.format for _, artifact in every if artifact.format not in facts.runtimes)
    if len(every) == left_out.total():
        runs = ", ".join(facts.runtimes) or "no format"
        raise RequestError(f"{device.name} runs {runs}, the bundle has {', '.join(left_out)}: install a runtime there")
    chosen = _choose(bundle, facts, shard)
    if not chosen:
        return Proof(facts, {}, dict(left_out), spared)
    job = Job("verify", bundle.root, manifest_sha256(bundle.root), resume)
    with scratch_folder() as work, Pool(1) as pool:
        inputs = {
            RECORDED: join_inputs(work / "inputs.safetensors", recorded.inputs, recorded.held_out),
            EXTREMES: recorded.extremes,
        }

        def make() -> tuple[Request, Mapping[str, Path]]:
            return _request(bundle, chosen, inputs, job.digest, EMULATED_TIMEOUT_S if facts.emulated else _TIMEOUT_S)

        runs_by_member: dict[str, list[ArtifactRun]] = {}
        with results_of(device, job, make, lambda request: reporter(request, progress, _kind)) as (request, results):
            found = _found(request, results)
            metric = bundle.manifest.recorded.metric
            score = score_in_worker(pool, mother, metric, recorded.held_out, logs / "score.log")
            asked = {(item.member, item.label) for item in request.items}
            for each in chosen:
                if not each.reason and (each.member.name, each.artifact.label) not in asked:
                    continue  # the run that is resumed was one of a share
                reference = replace(_reference(bundle, each.member, recorded, inputs[RECORDED]), score=score)
                run = _judged(each, found, reference, work, device.name, spared)
                (run,) = judge_size(each.artifact, (run,))
                progress(each.member.name, each.artifact.label, run.verdict)
                runs_by_member.setdefault(each.member.name, []).append(run)
    return Proof(results.facts, {name: tuple(runs) for name, runs in runs_by_member.items()}, dict(left_out), spared)


def _choose(bundle: Bundle, facts: DeviceFacts, shard: Shard) -> list[Subject]:
    """Returns the share of the artifacts that the device has a runtime for. Damaged ones are not run."""
    damage = {member.name: golden_damage(bundle, member) for member in bundle.manifest.members}
    every = [(member, artifact) for member in bundle.manifest.members for artifact in member.artifacts]
    runnable = [each for each in every if each[1].format in facts.runtimes]
    return [
        Subject(member, artifact, damage[member.name] or artifact_damage(bundle, artifact))
        for member, artifact in in_shard(runnable, shard)
    ]


def _request(
    bundle: Bundle, chosen: list[Subject], inputs: Mapping[str, Path], digest: str, timeout_s: float
) -> tuple[Request, dict[str, Path]]:
    """Returns the request: for each artifact an item for the recorded inputs, and one that runs the extremes twice."""
    parts = {kind: describe_part(f"inputs/{kind}.safetensors", path) for kind, path in inputs.items()}
    sources = {parts[kind].path: path for kind, path in inputs.items()}
    items = []
    for index, each in enumerate(chosen):
        file, io = each.artifact.file, each.artifact.io
        if each.reason or file is None or io is None:
            continue
        artifact = artifact_part(file)
        sources[artifact.path] = bundle.path(file)
        items += [
            Item(
                id=f"{index:04d}-{kind}",
                member=each.member.name,
                label=each.artifact.label,
                mode="verify",
                format=each.artifact.format,
                artifact=artifact,
                io=io,
                member_io=each.member.io,
                inputs=part,
                repeat=kind == EXTREMES,
                timeout_s=timeout_s,
            )
            for kind, part in parts.items()
        ]
    if not items:
        raise RequestError(f"{bundle.root}: {chosen[0].reason}: build it again")
    return Request(schema="1.0", run_id=new_run_id(), bundle=digest, items=tuple(items)), sources


def _kind(item: Item) -> str:
    return item.id.rpartition("-")[2]


def _found(request: Request, results: Results) -> Found:
    """Returns the results by member, artifact, and RECORDED or EXTREMES."""
    return {(item.member, item.label, _kind(item)): results.items.get(item.id) for item in request.items}


def _reference(bundle: Bundle, member: Member, recorded: RecordedFiles, inputs: Path) -> Reference:
    return Reference(
        inputs=inputs,
        golden=bundle.path(member.golden),
        held_out=recorded.held_out,
        metric=bundle.manifest.recorded.metric,
        unit=unit_of(bundle),
        mother_metric=member.metric,
        extremes=(recorded.extremes, bundle.path(member.extremes)),
    )


def _judged(chosen: Subject, found: Found, reference: Reference, work: Path, device: str, spared: str) -> ArtifactRun:
    """Returns the run of an artifact from its two items. Its reason says what was `spared`."""
    member, artifact = chosen.member, chosen.artifact
    if chosen.reason:
        return not_run(artifact, "failed" if artifact.file else artifact.status, chosen.reason, device=device)
    recorded, extremes = (found.get((member.name, artifact.label, kind)) for kind in (RECORDED, EXTREMES))
    if recorded is None or extremes is None:
        return not_run(artifact, "failed", "the runner sent no result", device=device)
    for status in (recorded.status, extremes.status):
        if status.outcome == "unsupported":
            return not_run(artifact, "unverified", status.reason, status.runtime or "none", device)
        if status.outcome == "failed":
            return not_run(artifact, "failed", f"did not run: {status.reason}", status.runtime or "none", device)
    try:
        measured = measure_outputs(_outputs(recorded, extremes), reference, member.io, work)
    except (WorkerError, RequestError, ValueError, KeyError) as error:
        return not_run(artifact, "failed", f"its results can't be compared: {error}", device=device)
    return judge_measured(artifact, measured, member.tolerance, device, proves=spared)


def _outputs(recorded: ItemResult, extremes: ItemResult) -> Outputs:
    """Reads the outputs of two items that are done."""
    return Outputs(
        runtime=recorded.status.runtime,
        recorded=recorded.load_outputs(),
        extremes=extremes.load_outputs(),
        repeatable=bool(extremes.status.repeatable),
        seconds=sum(each.status.load_seconds + each.status.seconds for each in (recorded, extremes)),
    )
