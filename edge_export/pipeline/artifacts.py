"""From a proven member to artifacts in the bundle, each run from there."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from edge_export.bundle.folder import describe_file
from edge_export.bundle.manifest import Artifact, Attempt
from edge_export.bundle.numerics import ArtifactRun
from edge_export.files.hashing import sha256_of
from edge_export.formats import artifact_name
from edge_export.formats.compile import compile_in_worker
from edge_export.formats.program import CALIBRATION, PROGRAM
from edge_export.pipeline.context import Site
from edge_export.pipeline.members import Prepared
from edge_export.pipeline.size import Made
from edge_export.pipeline.target import ArtifactPlan
from edge_export.runtimes import Runtime
from edge_export.spec.io_json import io_from_json, io_to_json
from edge_export.spec.results import Measured
from edge_export.verify.artifact import File, measure_artifact
from edge_export.verify.verdict import not_run, run_everywhere, worst
from edge_export.workers import WorkerError
from edge_export.workers.environments import environment_folder, present_environments

_MEASURED = TypeAdapter(Measured)


def make(site: Site, prepared: Prepared, plan: ArtifactPlan) -> Made:
    """Compile one artifact into the bundle and run it from there, by the first scheme that holds its tolerance.

    A member that is wrong is not compiled.
    """
    name = prepared.member.name
    log = site.request.logs / name / f"{plan.label}.log"
    log.unlink(missing_ok=True)
    artifact = Artifact(
        format=plan.format,
        backend=plan.backend,
        precision=plan.precision,
        file=None,
        io=None,
        tolerance=site.request.target.tolerance(plan.format, plan.precision, prepared.member.params),
        status="failed",
        reason=prepared.reason,
    )
    runs: tuple[ArtifactRun, ...] = (not_run(artifact, "failed", prepared.reason),)
    attempts: list[Attempt] = []
    for scheme in () if prepared.reason else plan.every_scheme:
        artifact, runs = _try_scheme(site, prepared, plan, artifact.model_copy(update={"scheme": scheme}), log)
        bad = worst(runs)
        if bad.verdict in ("passed", "unverified") or scheme == plan.every_scheme[-1]:
            break
        attempts.append(Attempt(scheme=scheme, reason=bad.reason))
        site.progress(name, plan.label, f"{scheme} {bad.verdict}: {bad.reason}")
    bad = worst(runs)
    site.progress(name, plan.label, bad.verdict)
    return artifact.model_copy(update={"status": bad.verdict, "reason": bad.reason, "attempts": tuple(attempts)}), runs


def _try_scheme(site: Site, prepared: Prepared, plan: ArtifactPlan, artifact: Artifact, log: Path) -> Made:
    """Compile by one scheme, replacing what another left in the bundle, and run it in every runtime that is here."""
    member, name = prepared.member, prepared.member.name
    workdir = site.scratch / name / f"{plan.label}-{artifact.scheme}"
    site.progress(name, plan.label, f"compile {artifact.scheme}".strip())
    calibration = prepared.folder / CALIBRATION
    options = {"backend": plan.backend, **plan.options} | ({"scheme": artifact.scheme} if artifact.scheme else {})
    parts = {
        "program": prepared.digest,
        "io": io_to_json(member.io),
        "format": plan.format,
        "precision": plan.precision,
        "options": options,
        "calibration": sha256_of(calibration) if plan.precision == "int8" else None,
        "environments": present_environments(),  # a route may lead through one
    }

    def work() -> dict[str, Any]:
        compiled = compile_in_worker(
            site.pool,
            format_name=plan.format,
            precision=plan.precision,
            options=options,
            program=prepared.folder / PROGRAM,
            io=member.io,
            workdir=workdir,
            log=log,
            calibration=calibration if plan.precision == "int8" else None,
        )
        stages = {stage: path.name for stage, path in compiled.stages.items()}
        return {
            "file": compiled.path.name,
            "io": io_to_json(compiled.io),
            "notes": list(compiled.notes),
            "stages": stages,
            "seconds": compiled.seconds,
        }

    try:
        record = site.step((name, f"{plan.label} compile"), "compile", parts, workdir, work).record
    except WorkerError as error:
        return artifact, (not_run(artifact, "error", f"did not compile: {error}"),)
    path = prepared.family.staged / "members" / name / artifact_name(plan.format, plan.backend, plan.precision)
    _replace(workdir / record["file"], path)
    stages = {stage: workdir / file for stage, file in record["stages"].items()}
    artifact = artifact.model_copy(
        update={
            "file": describe_file(prepared.family.staged, path),
            "io": io_from_json(record["io"]),
            "notes": tuple(record["notes"]),
        }
    )
    site.progress(name, plan.label, f"verify {artifact.scheme}".strip())

    def measure(runtime: Runtime) -> Measured:
        return _measure(site, prepared, artifact, path, runtime, stages, log)

    return artifact, run_everywhere(artifact, prepared.member.tolerance, measure)


def _measure(
    site: Site,
    prepared: Prepared,
    artifact: Artifact,
    path: Path,
    runtime: Runtime,
    stages: Mapping[str, Path],
    log: Path,
) -> Measured:
    """Run the artifact at `path` in one runtime, unless that was done before."""
    assert artifact.file is not None
    assert artifact.io is not None
    file = File(artifact.format, path, artifact.io, prepared.member.io)
    workdir = site.scratch / prepared.member.name / f"{artifact.label}-{artifact.scheme}-{runtime.name}"
    outputs, kept = workdir / "outputs", workdir / "kept"
    parts = {
        "artifact": artifact.file.sha256,
        "io": [io_to_json(file.io), io_to_json(file.member_io)],
        "runtime": [runtime.name, runtime.environment and environment_folder(runtime.environment).name],
        "stages": {name: sha256_of(stage) for name, stage in stages.items()},
        "reference": prepared.reference.digest(),
    }

    def work() -> dict[str, Any]:
        return asdict(measure_artifact(site.pool, file, runtime, prepared.reference, outputs, log, stages))

    step = site.step((prepared.member.name, f"{artifact.label} {runtime.name}"), "measure", parts, kept, work)
    return _MEASURED.validate_python(step.record)


def _replace(source: Path, target: Path) -> None:
    """Copy a file or a package folder to `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
