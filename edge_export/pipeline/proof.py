"""What is asked of a device to prove a bundle there, and how its answers are judged: as if all had run here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact, Member
from edge_export.bundle.numerics import ArtifactRun
from edge_export.bundle.shard import WHOLE, Shard, in_shard
from edge_export.devices.folder import artifact_part, describe_part
from edge_export.devices.request import Item, Request
from edge_export.devices.results import ItemResult, Results
from edge_export.errors import RequestError
from edge_export.formats import device_runs
from edge_export.pipeline.mother_source import RecordedFiles
from edge_export.pipeline.on_device import artifact_damage
from edge_export.pipeline.prove import golden_damage, unit_of
from edge_export.pipeline.size import judge_size
from edge_export.verify.artifact import Outputs, Reference, Score, join_inputs, measure_outputs
from edge_export.verify.verdict import judge_measured, not_run
from edge_export.workers import WorkerError

RECORDED, EXTREMES = "recorded", "extremes"
Found = dict[tuple[str, str, str], ItemResult | None]
TIMEOUT_S = 600.0


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
class Exam:
    """What a bundle is asked, on any device.

    Attributes:
        chosen: The artifacts.
        inputs: The file of the inputs by RECORDED and EXTREMES.
        work: A folder for files of the comparison.
    """

    bundle: Bundle
    chosen: list[Subject]
    recorded: RecordedFiles
    inputs: Mapping[str, Path]
    work: Path


def make_exam(
    bundle: Bundle, formats: Collection[str], recorded: RecordedFiles, work: Path, shard: Shard = WHOLE
) -> Exam:
    """Returns what the artifacts of `formats` are asked. `shard`: the share of them."""
    inputs = {
        RECORDED: join_inputs(work / "inputs.safetensors", recorded.inputs, recorded.held_out),
        EXTREMES: recorded.extremes,
    }
    return Exam(bundle, _choose(bundle, formats, shard), recorded, inputs, work)


def _choose(bundle: Bundle, formats: Collection[str], shard: Shard) -> list[Subject]:
    """Returns the share of the artifacts of these formats. Damaged ones are not run."""
    damage = {member.name: golden_damage(bundle, member) for member in bundle.manifest.members}
    every = [(member, artifact) for member in bundle.manifest.members for artifact in member.artifacts]
    runnable = [each for each in every if device_runs(formats, each[1].format, each[1].backend)]
    return [
        Subject(member, artifact, damage[member.name] or artifact_damage(bundle, artifact))
        for member, artifact in in_shard(runnable, shard)
    ]


def verify_items(exam: Exam, timeout_s: float) -> tuple[list[Item], dict[str, Path]]:
    """Returns the items, and the file of each of their parts by its path in the request.

    For each artifact there is an item for the recorded inputs, and one that runs the extremes twice.

    Raises:
        RequestError: No artifact can be run.
    """
    parts = {kind: describe_part(f"inputs/{kind}.safetensors", path) for kind, path in exam.inputs.items()}
    sources = {parts[kind].path: path for kind, path in exam.inputs.items()}
    items = []
    for index, each in enumerate(exam.chosen):
        file, io = each.artifact.file, each.artifact.io
        if each.reason or file is None or io is None:
            continue
        artifact = artifact_part(file)
        sources[artifact.path] = exam.bundle.path(file)
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
        raise RequestError(f"{exam.bundle.root}: {exam.chosen[0].reason}: build it again")
    return items, sources


def judged_runs(
    exam: Exam,
    request: Request,
    results: Results,
    device: str,
    *,
    score: Score | None,
    spared: str = "",
    told: Callable[[str, str, str], None] = lambda *_: None,
) -> dict[str, tuple[ArtifactRun, ...]]:
    """Returns the runs by member that follow from the results of one device.

    Args:
        device: What `--device` names it.
        score: Measures a metric that the mother defines.
        spared: What was not run of the recorded inputs, and why. Empty: everything was.
        told: Is called with (member, artifact, verdict).
    """
    found = _found(request, results)
    asked = {(item.member, item.label) for item in request.items}
    runs: dict[str, list[ArtifactRun]] = {}
    for each in exam.chosen:
        if not each.reason and (each.member.name, each.artifact.label) not in asked:
            continue  # the run that is resumed was one of a share
        reference = replace(_reference(exam, each.member), score=score)
        run = _judged(each, found, reference, exam.work, device, spared)
        (run,) = judge_size(each.artifact, (run,))
        told(each.member.name, each.artifact.label, run.verdict)
        runs.setdefault(each.member.name, []).append(run)
    return {name: tuple(each) for name, each in runs.items()}


def kind_of_item(item: Item) -> str:
    """Returns RECORDED or EXTREMES."""
    return item.id.rpartition("-")[2]


def _found(request: Request, results: Results) -> Found:
    """Returns the results by member, artifact, and RECORDED or EXTREMES."""
    return {(item.member, item.label, kind_of_item(item)): results.items.get(item.id) for item in request.items}


def _reference(exam: Exam, member: Member) -> Reference:
    bundle, recorded = exam.bundle, exam.recorded
    return Reference(
        inputs=exam.inputs[RECORDED],
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
