"""Repeats, on a bundle on this machine, everything that was proven when it was built."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact, Member
from edge_export.bundle.numerics import ArtifactRun, MemberNumerics, Numerics
from edge_export.errors import RequestError
from edge_export.files.arrays import load_arrays
from edge_export.files.owned import scratch_folder
from edge_export.pipeline.context import Progress
from edge_export.pipeline.mother_source import MotherSource, RecordedFiles, submit_for_mother
from edge_export.pipeline.prepare_member import GOLDEN, PREPARE, PrepareRequest
from edge_export.pipeline.score import score_in_worker
from edge_export.pipeline.size import judge_size
from edge_export.runtimes import Runtime
from edge_export.runtimes.run import CompiledFile
from edge_export.spec.agreement import agreement, worst_of
from edge_export.spec.results import Measured, Stage
from edge_export.tasks import METRICS
from edge_export.verify.artifact import Reference, join_inputs, measure_artifact
from edge_export.verify.suggestions import first_divergence
from edge_export.verify.verdict import judge_stages, not_run, run_everywhere, worst
from edge_export.workers import TORCH, Pool


@dataclass(frozen=True)
class _Context:
    """The values that all steps of proving a bundle share. `mother` is None if it is not available."""

    bundle: Bundle
    mother: MotherSource | None
    recorded: RecordedFiles
    work: Path
    pool: Pool
    logs: Path
    progress: Progress


def prove_bundle(bundle: Bundle, mother: MotherSource | None, jobs: int, logs: Path, progress: Progress) -> Numerics:
    """Checks every file's sha256, runs every artifact in the bundle, and repeats the stages if there is a mother.

    Args:
        mother: The mother with the checkpoint that the bundle was built from, and its data. None: repeat no stages.

    Raises:
        RequestError: The recorded inputs are damaged, so nothing can be proven.
    """
    members = bundle.manifest.members
    recorded = checked_recordings(bundle)
    with (
        scratch_folder() as work,
        ThreadPoolExecutor(max_workers=jobs) as preparers,
        ThreadPoolExecutor(max_workers=2 * jobs) as provers,
        Pool(jobs, shared=TORCH) as pool,
    ):
        context = _Context(bundle, mother, recorded, work, pool, logs, progress)
        join_inputs(work / "inputs.safetensors", recorded.inputs, recorded.held_out)
        damage = {member.name: golden_damage(bundle, member) for member in members}
        stages: dict[str, Future[tuple[Stage, ...]]] = {}
        if mother is not None:
            whole = [member for member in members if not damage[member.name]]
            stages = {member.name: preparers.submit(_prove_stages, context, mother, member) for member in whole}
        runs = {
            member.name: [
                provers.submit(_prove_artifact, context, member, a, damage[member.name]) for a in member.artifacts
            ]
            for member in members
        }
        numbers = tuple(
            MemberNumerics(
                name=member.name,
                stages=stages[member.name].result() if member.name in stages else (),
                runs=tuple(run for future in runs[member.name] for run in future.result()),
            )
            for member in members
        )
    return Numerics(schema="1.0", members=numbers)


def checked_recordings(bundle: Bundle) -> RecordedFiles:
    """Returns the bundle's recorded data, after checking it."""
    recorded = bundle.manifest.recorded
    sounds = [sound for member in bundle.manifest.members for sound in member.sounds]
    for file in (recorded.inputs, recorded.held_out, recorded.extremes, *recorded.sounds, *sounds):
        if file is not None and (damage := bundle.why_changed(file)):
            raise RequestError(f"{bundle.root}: {damage}; build it again")
    goldens = load_arrays(bundle.path(recorded.inputs))
    required = [s.name for member in bundle.manifest.members for s in member.io.recorded_inputs]
    missing = [name for name in required if name not in goldens]
    if missing:
        raise RequestError(f"{bundle.root}: {recorded.inputs.path} lacks input {missing[0]}; build it again")
    return RecordedFiles(
        inputs=bundle.path(recorded.inputs),
        held_out=None if recorded.held_out is None else bundle.path(recorded.held_out),
        extremes=bundle.path(recorded.extremes),
    )


def golden_damage(bundle: Bundle, member: Member) -> str:
    """Returns why the member's reference outputs are damaged. Empty: they are not."""
    try:
        for file in (member.golden, member.extremes):
            if damage := bundle.why_changed(file):
                return damage
            arrays = load_arrays(bundle.path(file))
            missing = [s.name for s in member.io.recorded_outputs if s.name not in arrays]
            if missing:
                return f"{file.path} lacks output {missing[0]}"
    except RequestError as error:
        return str(error)
    return ""


def _prove_stages(context: _Context, mother: MotherSource, member: Member) -> tuple[Stage, ...]:
    """Makes the member again from the mother, and compares the recorded outputs with the mother's present outputs."""
    context.progress(member.name, "member", "extract, calibrate, bake")
    workdir = context.work / member.name
    workdir.mkdir(parents=True, exist_ok=True)
    request = PrepareRequest(
        source=mother,
        recorded=context.recorded,
        config=member.config,
        options=member.options,
        batches=member.calibration_batches or None,
        calibrate=False,
        workdir=workdir,
    )
    answer = submit_for_mother(context.pool, PREPARE, request, mother, context.logs / member.name / "member.log")
    now, then = load_arrays(workdir / GOLDEN), load_arrays(context.bundle.path(member.golden))
    recorded = Stage("recorded", worst_of([agreement(now[name], then[name]) for name in now]), "")
    stages = judge_stages([recorded, *answer.stages], member.tolerance)
    context.progress(member.name, "member", first_divergence(stages) or "proven")
    return stages


def _prove_artifact(context: _Context, member: Member, artifact: Artifact, damage: str) -> tuple[ArtifactRun, ...]:
    """Proves one artifact of a bundle. It fails if it or its reference does not match the manifest."""
    runs = _runs(context, member, artifact, damage)
    context.progress(member.name, artifact.label, worst(runs).verdict)
    return runs


def _runs(context: _Context, member: Member, artifact: Artifact, damage: str) -> tuple[ArtifactRun, ...]:
    bundle, recorded = context.bundle, context.recorded
    if artifact.file is None or artifact.io is None:
        return (not_run(artifact, artifact.status, artifact.reason),)
    try:
        if reason := damage or bundle.why_changed(artifact.file):
            return (not_run(artifact, "failed", reason),)
    except RequestError as error:
        return (not_run(artifact, "failed", str(error)),)
    context.progress(member.name, artifact.label, "verify")
    path = bundle.path(artifact.file)
    file = CompiledFile(
        format=artifact.format, backend=artifact.backend, path=path, io=artifact.io, member_io=member.io
    )
    log = context.logs / member.name / f"{artifact.label}.log"
    metric = bundle.manifest.recorded.metric
    reference = Reference(
        inputs=context.work / "inputs.safetensors",
        golden=bundle.path(member.golden),
        held_out=recorded.held_out,
        metric=metric,
        unit=unit_of(bundle),
        mother_metric=member.metric,
        extremes=(recorded.extremes, bundle.path(member.extremes)),
        score=score_in_worker(context.pool, context.mother, metric, recorded.held_out, log),
    )
    workdir = context.work / member.name / artifact.label

    def measure(runtime: Runtime) -> Measured:
        return measure_artifact(context.pool, file, runtime, reference, workdir, log, precision=artifact.precision)

    return judge_size(artifact, run_everywhere(artifact, member.tolerance, measure))


def unit_of(bundle: Bundle) -> str:
    """Returns the unit of the task metric. Old bundles do not record it, but have one of `METRICS`."""
    recorded = bundle.manifest.recorded
    return METRICS[recorded.metric].unit if recorded.metric in METRICS else recorded.unit
