"""Build a family: the only file that knows all stages.

    mother ─ extract ─> member ─ calibrate ─> bake ─> export ─> compile ─> verify ─> bundle

Members are prepared one after another here; their artifacts are compiled and run in worker processes meanwhile.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.errors import RequestError, one_line
from edge_export.family.bundle import check_output, describe_file, staging, write_records
from edge_export.family.manifest import Artifact, Manifest, Member, MotherEntry, Recorded, Refusal
from edge_export.family.numerics import ArtifactRun, MemberNumerics, Numerics
from edge_export.family.target import ArtifactPlan, Target
from edge_export.formats import FORMATS
from edge_export.mothers.io_json import io_from_json, io_to_json
from edge_export.runtimes import why_unavailable
from edge_export.verify.artifact import Reference, join_inputs, measure_artifact
from edge_export.verify.goldens import TARGETS, named, save_arrays
from edge_export.workers import Pool, WorkerError

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Config, Mother, Recordings
    from edge_export.verify.member import PreparedMember

COMPILE_TIMEOUT_S = 900.0
INPUTS = "goldens/inputs.safetensors"
HELD_OUT = "goldens/held_out.safetensors"
TOOLS = ("torch", "executorch", "coremltools", "onnx2tf", "onnx", "ai-edge-litert")

Progress = Callable[[str, str, str], None]
"""Told (member, what, state) whenever something begins or ends; `what` is "member" or an artifact's label."""


@dataclass(frozen=True)
class Request:
    """What to build.

    Attributes:
        mother_spec: A catalog name or `package.module:factory`.
        checkpoint_sha256: Of the file that the mother's weights came from; None for a factory's own.
        members: Configurations by the text that names them, in the order of the bundle.
    """

    target: Target
    mother_spec: str
    checkpoint_sha256: str | None
    mother: Mother
    recordings: Recordings
    members: Mapping[str, Config]
    out: Path
    jobs: int
    logs: Path


@dataclass(frozen=True)
class Built:
    """A finished bundle and how long each step took, in seconds, by (member, step)."""

    manifest: Manifest
    numerics: Numerics
    seconds: dict[tuple[str, str], float]


@dataclass(frozen=True)
class _Made:
    artifact: Artifact
    run: ArtifactRun
    seconds: dict[str, float]


def parse_members(mother: Mother, text: str) -> dict[str, Config]:
    """Configurations by their text, from a list such as "0.25,0.5,1.0".

    Raises:
        RequestError: An entry is empty, malformed, outside of the mother's space or there twice; all are named.
    """
    members: dict[str, Config] = {}
    names: dict[str, str] = {}
    problems = []
    for entry in text.split(","):
        entry = entry.strip()
        try:
            if not entry:
                raise RequestError("an entry is empty: separate configurations by single commas")
            config = mother.space.parse(entry)
            name = mother.space.name(config)
            if name in names:
                raise RequestError(f"{entry} and {names[name]} are the same member: give it once")
        except RequestError as error:
            problems.append(str(error))
            continue
        members[entry], names[name] = config, entry
    if problems:
        raise RequestError(f"--members {one_line(text, 60)}: " + "; ".join(problems))
    return members


def build(request: Request, progress: Progress) -> Built:
    """Build, verify and write the bundle of `request`; artifacts that fail are recorded, not raised.

    Raises:
        RequestError: The request can't be built at all; nothing is written then.
    """
    check_output(request.out)
    seconds: dict[tuple[str, str], float] = {}
    with (
        staging(request.out) as staged,
        tempfile.TemporaryDirectory(prefix="edge_export-") as scratch,
        ThreadPoolExecutor(max_workers=2 * request.jobs) as threads,
        Pool(request.jobs) as pool,  # last in, first out: an error here stops the workers that the threads wait for
    ):
        work = Path(scratch)
        recorded = _write_recorded(request, staged)
        inputs = _joined_inputs(request, work)
        pending: list[tuple[str, str, PreparedMember, list[Future[_Made]]]] = []
        for text, config in request.members.items():
            name = request.mother.space.name(config)
            started = time.monotonic()
            prepared = _prepare(request, name, config, staged, work, progress)
            seconds[name, "member"] = time.monotonic() - started
            reference = Reference(
                inputs=inputs,
                golden=prepared.golden,
                targets=None if request.recordings.targets is None else request.recordings.targets.numpy(),
                metric=request.recordings.metric,
                mother_metric=prepared.metric,
            )
            jobs = [
                threads.submit(_make, request, plan, name, prepared, reference, staged, work, pool, progress)
                for plan in request.target.artifacts
            ]
            pending.append((name, text, replace(prepared, program=None), jobs))  # type: ignore[arg-type]
        members, numbers = [], []
        for name, text, prepared, jobs in pending:
            made = [job.result() for job in jobs]
            for one in made:
                seconds.update({(name, f"{one.artifact.label} {step}"): s for step, s in one.seconds.items()})
            members.append(_member(request, name, text, prepared, [m.artifact for m in made], staged))
            numbers.append(MemberNumerics(name=name, stages=prepared.stages, runs=tuple(m.run for m in made)))
        manifest = Manifest(
            schema="1.0",
            target=request.target.name,
            mother=MotherEntry(spec=request.mother_spec, checkpoint_sha256=request.checkpoint_sha256),
            tools={tool: version(tool) for tool in TOOLS},
            io=request.mother.io,
            recorded=recorded,
            members=tuple(members),
        )
        numerics = Numerics(schema="1.0", members=tuple(numbers))
        write_records(staged, manifest, numerics)
    return Built(manifest, numerics, seconds)


def _prepare(
    request: Request, name: str, config: Config, staged: Path, work: Path, progress: Progress
) -> PreparedMember:
    """Prepare a member; its golden goes into the bundle, its program where the workers find it."""
    import torch

    from edge_export.verify.member import prepare_member

    progress(name, "member", "extract, calibrate, bake")
    target = request.target
    prepared = prepare_member(
        request.mother, config, request.recordings, target.tolerance("member", "fp32"), target.calibration_batches
    )
    save_arrays(staged / _golden_path(name), prepared.golden)
    torch.export.save(prepared.program, work / f"{name}.pt2")
    progress(name, "member", prepared.reason or "proven")
    return prepared


def _make(
    request: Request,
    plan: ArtifactPlan,
    name: str,
    prepared: PreparedMember,
    reference: Reference,
    staged: Path,
    work: Path,
    pool: Pool,
    progress: Progress,
) -> _Made:
    """Compile one artifact into the bundle, then run it from there."""
    label = f"{plan.format}-{plan.backend}-{plan.precision}"
    log = request.logs / name / f"{label}.log"
    log.unlink(missing_ok=True)
    artifact = Artifact(
        format=plan.format,
        backend=plan.backend,
        precision=plan.precision,
        file=None,
        io=None,
        tolerance=request.target.tolerance(plan.format, plan.precision),
        status="failed",
        reason=prepared.reason,
    )
    run = ArtifactRun(
        artifact=label,
        runtime="none",
        device="local",
        agreement=None,
        metric=None,
        verdict="failed",
        reason=prepared.reason,
    )
    seconds: dict[str, float] = {}

    def end(status: str, reason: str, **measured: Any) -> _Made:
        progress(name, label, status)
        verdict = {"status": status, "reason": one_line(reason, 1000)}
        return _Made(
            artifact.model_copy(update=verdict),
            run.model_copy(update={"verdict": status, "reason": verdict["reason"], **measured}),
            seconds,
        )

    if prepared.reason:
        return end("failed", prepared.reason)
    started = time.monotonic()
    try:
        progress(name, label, "compile")
        compiled = _compile(plan, request.mother.io, work / f"{name}.pt2", work / name / label, pool, log)
    except WorkerError as error:
        return end("error", f"did not compile: {error} (log: {log.name})")
    seconds["compile"] = time.monotonic() - started
    path = staged / "members" / name / f"{label}{FORMATS[plan.format].suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    Path(compiled["path"]).rename(path)
    artifact = artifact.model_copy(update={"file": describe_file(staged, path), "io": io_from_json(compiled["io"])})
    assert artifact.io is not None
    if reason := why_unavailable(plan.format):
        return end("unverified", reason)
    started = time.monotonic()
    try:
        progress(name, label, "verify")
        measured = measure_artifact(
            pool,
            format_name=plan.format,
            path=path,
            io=artifact.io,
            member_io=request.mother.io,
            reference=reference,
            tolerance=artifact.tolerance,
            workdir=work / name / label,
            log=log,
        )
    except WorkerError as error:
        return end("failed", f"did not run: {error} (log: {log.name})")
    seconds["verify"] = time.monotonic() - started
    return end(
        "failed" if measured.reason else "passed",
        measured.reason or "within tolerance of the mother",
        runtime=measured.runtime,
        agreement=measured.agreement,
        metric=measured.metric,
    )


def _compile(plan: ArtifactPlan, io: Any, program: Path, workdir: Path, pool: Pool, log: Path) -> dict[str, Any]:
    workdir.mkdir(parents=True, exist_ok=True)
    arguments = {
        "format": plan.format,
        "backend": plan.backend,
        "precision": plan.precision,
        "options": plan.options,
        "program": str(program.absolute()),
        "io": io_to_json(io),
        "workdir": str(workdir.absolute()),
    }
    return pool.submit("compile", arguments, kind=plan.format, timeout_s=COMPILE_TIMEOUT_S, log=log).result()


def _golden_path(name: str) -> str:
    return f"goldens/{name}.safetensors"


def _write_recorded(request: Request, staged: Path) -> Recorded:
    """Put the golden inputs and the held-out set into the bundle."""
    io, recordings = request.mother.io, request.recordings
    save_arrays(staged / INPUTS, named(io.inputs, recordings.goldens))
    held_out = None
    if recordings.targets is not None:
        arrays = {**named(io.inputs, recordings.held_out), TARGETS: recordings.targets.numpy()}
        save_arrays(staged / HELD_OUT, arrays)
        held_out = describe_file(staged, staged / HELD_OUT)
    return Recorded(metric=recordings.metric, inputs=describe_file(staged, staged / INPUTS), held_out=held_out)


def _joined_inputs(request: Request, work: Path) -> Path:
    io, recordings = request.mother.io, request.recordings
    held_out = {} if recordings.targets is None else named(io.inputs, recordings.held_out)
    return join_inputs(work / "inputs.safetensors", named(io.inputs, recordings.goldens), held_out)


def _member(
    request: Request, name: str, text: str, prepared: PreparedMember, artifacts: list[Artifact], staged: Path
) -> Member:
    cost = prepared.complexity
    return Member(
        name=name,
        config=text,
        params=cost.params,
        macs=cost.macs,
        peak_activation_bytes=cost.peak_activation_bytes,
        calibration_batches=prepared.calibration_batches,
        tolerance=request.target.tolerance("member", "fp32"),
        folded=len(prepared.baked.applied),
        refused=tuple(Refusal(rule=r.rule, layer=r.layer, reason=r.reason) for r in prepared.baked.refused),
        golden=describe_file(staged, staged / _golden_path(name)),
        metric=prepared.metric,
        artifacts=tuple(artifacts),
    )
