"""Compiles a proven member to artifacts in the bundle, and runs them there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_export.bundle.folder import describe_file
from edge_export.bundle.manifest import Artifact, Attempt
from edge_export.bundle.numerics import ArtifactRun
from edge_export.devices.tflite_versions import runs_in
from edge_export.errors import one_line
from edge_export.files.copying import copy_contents
from edge_export.files.hashing import sha256_of
from edge_export.formats import FORMATS, artifact_name, environments_of
from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compile_task import CompileAnswer, CompileRequest
from edge_export.formats.program import CALIBRATION, PROGRAM
from edge_export.formats.reasons import reason_of
from edge_export.pipeline.context import BuildContext
from edge_export.pipeline.members import Prepared
from edge_export.pipeline.size import Made
from edge_export.pipeline.target import ArtifactPlan
from edge_export.pipeline.ways import USUAL, Way, may_help, notes, offer, other_ways
from edge_export.runtimes import Runtime
from edge_export.runtimes.run import CompiledFile
from edge_export.spec.results import Measured
from edge_export.spec.tolerance import why_lowered, within_rounding
from edge_export.tasks import METRICS
from edge_export.verify.artifact import measure_artifact
from edge_export.verify.verdict import not_run, rank, run_everywhere, worst
from edge_export.workers import WorkerError
from edge_export.workers.environments import environment_folder, present_environments

MOST_TIMEOUTS = 2
"""The ways of a scheme that may take too long: a slow one does not say that the others are, two do."""


def make_artifact(context: BuildContext, prepared: Prepared, plan: ArtifactPlan) -> Made:
    """Compiles one artifact into the bundle and runs it there, with the first scheme that is within the tolerance.

    A member that diverges is not compiled.
    """
    name = prepared.member.name
    log = context.request.logs / name / f"{plan.label}.log"
    log.unlink(missing_ok=True)
    stated = context.request.target.tolerance(plan.format, plan.precision, prepared.member.params)
    tolerance = within_rounding(stated, prepared.rounding)
    lowered = why_lowered(stated, tolerance)
    artifact = Artifact(
        format=plan.format,
        backend=plan.backend,
        precision=plan.precision,
        file=None,
        io=None,
        notes=lowered,
        tolerance=tolerance,
        status="failed",
        reason=prepared.reason,
    )
    runs: tuple[ArtifactRun, ...] = (not_run(artifact, "failed", prepared.reason),)
    attempts: list[Attempt] = []
    for scheme in () if prepared.reason else plan.every_scheme:
        artifact, runs = _by_ways(context, prepared, plan, artifact.model_copy(update={"scheme": scheme}), log)
        bad = worst(runs)
        if bad.verdict in ("passed", "unverified") or scheme == plan.every_scheme[-1]:
            break
        attempts.append(Attempt(scheme=scheme, reason=bad.reason))
        artifact = artifact.model_copy(update={"notes": lowered})
        context.progress(name, plan.label, f"{scheme} {bad.verdict}: {bad.reason}")
    bad = worst(runs)
    if more := "; ".join(filter(None, _advice(prepared, plan, bad))):
        told = bad.model_copy(update={"reason": one_line(f"{bad.reason}; {more}", 1500)})
        bad, runs = told, tuple(told if run is bad else run for run in runs)
    context.progress(name, plan.label, bad.verdict)
    return artifact.model_copy(update={"status": bad.verdict, "reason": bad.reason, "attempts": tuple(attempts)}), runs


def _advice(prepared: Prepared, plan: ArtifactPlan, bad: ArtifactRun) -> tuple[str, ...]:
    """Returns what else to tell of an artifact that is not right.

    That is where float16 ends, where int8 costs most, and a way that is not set up.
    """
    if prepared.reason or bad.verdict not in ("error", "failed"):
        return ()
    in_half = plan.precision in FORMATS[plan.format].in_half
    half = prepared.half_range if in_half and bad.agreement is not None else ""
    coarse = prepared.coarsest if plan.precision == "int8" and bad.agreement is not None else ""
    return half, coarse, offer(plan) if may_help(bad, plan.precision, mildest=True) else ""


@dataclass(frozen=True)
class _Tried:
    """An artifact that was made in one way with one scheme.

    Attributes:
        file: Its file in the scratch folder. None: there is none.
        ended: Why the worker did not finish, "timeout" or "closed". Empty: it did.
        environments: The isolated environments in which it was tried beside the usual one.
    """

    artifact: Artifact
    runs: tuple[ArtifactRun, ...]
    file: Path | None
    ended: str = ""
    environments: tuple[str, ...] = ()


def _by_ways(context: BuildContext, prepared: Prepared, plan: ArtifactPlan, artifact: Artifact, log: Path) -> Made:
    """Makes an artifact in the usual way, or in the first other one that is within the tolerance.

    If none is, the one with the best verdict is taken, the first of several.
    """
    tried: dict[Way, _Tried] = {}
    for way in (USUAL, *other_ways(plan)):
        if any(way.name in each.environments for each in tried.values()):
            continue
        tried[way] = last = _try_way(context, prepared, plan, artifact, way, log)
        bad = worst(last.runs)
        timeouts = sum(each.ended == "timeout" for each in tried.values())
        mildest = artifact.scheme == plan.every_scheme[-1]
        if not may_help(bad, plan.precision, mildest=mildest) or last.ended == "closed" or timeouts == MOST_TIMEOUTS:
            break
        context.progress(prepared.member.name, plan.label, f"{way.name or 'usual way'} {bad.verdict}: {bad.reason}")
    taken = max(tried, key=lambda way: rank(tried[way].runs))
    best = tried[taken]
    if best.file is not None and best is not last:
        _replace(best.file, _path(prepared, plan))
    why = {way: worst(each.runs).reason for way, each in tried.items() if way != taken}
    noted = best.artifact.model_copy(update={"notes": (*notes(taken, why), *best.artifact.notes)})
    return noted, best.runs


def _try_way(
    context: BuildContext, prepared: Prepared, plan: ArtifactPlan, artifact: Artifact, way: Way, log: Path
) -> _Tried:
    """Compiles with one scheme in one way, replaces the file of the previous one, and runs it in every runtime."""
    name, called = prepared.member.name, f"{artifact.scheme} {way.name}".strip()
    workdir = context.scratch / name / "-".join(filter(None, [f"{plan.label}-{artifact.scheme}", way.name]))
    context.progress(name, plan.label, f"compile {called}".strip())
    try:
        compiled = _compile(context, prepared, plan, artifact.scheme, way, workdir, log)
    except WorkerError as error:
        runs = (not_run(artifact, "error", f"did not compile: {reason_of(error, prepared.lines)}"),)
        ended = error.reason if error.reason in ("timeout", "closed") else ""
        return _Tried(artifact, runs, None, ended, error.tried)
    path = _path(prepared, plan)
    _replace(workdir / compiled.file, path)
    stages = {stage: workdir / file for stage, file in compiled.stages.items()}
    artifact = artifact.model_copy(
        update={
            "file": describe_file(prepared.family.staged, path),
            "io": compiled.io,
            "notes": (*artifact.notes, *compiled.notes),
            "runs_in": runs_in(plan.format, compiled.operators),
        }
    )
    context.progress(name, plan.label, f"verify {called}".strip())

    def measure(runtime: Runtime) -> Measured:
        outputs = workdir.with_name(f"{workdir.name}-{runtime.name}")
        return _measure(context, prepared, artifact, path, runtime, stages, outputs, log)

    return _Tried(artifact, run_everywhere(artifact, prepared.member.tolerance, measure), workdir / compiled.file)


def _path(prepared: Prepared, plan: ArtifactPlan) -> Path:
    file = artifact_name(plan.format, plan.backend, plan.precision)
    return prepared.family.staged / "members" / prepared.member.name / file


def _compile(
    context: BuildContext, prepared: Prepared, plan: ArtifactPlan, scheme: str, way: Way, workdir: Path, log: Path
) -> CompileAnswer:
    """Compiles with one scheme in one way, or takes the result from the cache."""
    member = prepared.member
    calibration = prepared.folder / CALIBRATION if plan.precision == "int8" else None
    request = CompileRequest(
        format=plan.format,
        precision=plan.precision,
        options={"backend": plan.backend, **plan.options, **way.options} | ({"scheme": scheme} if scheme else {}),
        program=prepared.folder / PROGRAM,
        io=member.io,
        calibration=calibration,
        workdir=workdir,
    )
    parts = request.model_dump(mode="json", include={"io", "format", "precision", "options"}) | {
        "program": prepared.digest,
        "calibration": calibration and sha256_of(calibration),
        "environments": present_environments(environments_of(plan.format, request.options)),
    }
    step = (member.name, f"{plan.label} compile")
    return context.step(
        step, "compile", CompileAnswer, parts, workdir, lambda: compile_in_worker(context.workers, request, log)
    )


def _measure(
    context: BuildContext,
    prepared: Prepared,
    artifact: Artifact,
    path: Path,
    runtime: Runtime,
    stages: Mapping[str, Path],
    workdir: Path,
    log: Path,
) -> Measured:
    """Runs the artifact at `path` in one runtime, or takes the result from the cache."""
    assert artifact.file is not None
    assert artifact.io is not None
    member, reference = prepared.member, prepared.reference
    file = CompiledFile(
        format=artifact.format, backend=artifact.backend, path=path, io=artifact.io, member_io=member.io
    )
    outputs, kept = workdir / "outputs", workdir / "kept"
    parts = file.model_dump(mode="json", include={"io", "member_io"}) | {
        "artifact": artifact.file.sha256,
        "runtime": [runtime.name, runtime.environment and environment_folder(runtime.environment).name],
        "stages": {name: sha256_of(stage) for name, stage in stages.items()},
        "reference": reference.digest(),
    }
    own_metric = reference.metric not in METRICS  # the mother's own code is not a part of the key
    return context.step(
        (member.name, f"{artifact.label} {runtime.name}"),
        "measure",
        Measured,
        None if own_metric else parts,
        kept,
        lambda: measure_artifact(context.workers, file, runtime, reference, outputs, log, stages, artifact.precision),
    )


def _replace(source: Path, target: Path) -> None:
    """Copies a file or a package folder to `target`, and replaces a folder there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    copy_contents(source, target)
