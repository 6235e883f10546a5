"""Build a family: the only file that knows all stages.

    mother ─ extract ─> member ─ calibrate ─> bake ─> export ─> compile ─> verify ─> bundle

Members are prepared one after another here; their artifacts are compiled and run in worker processes meanwhile.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.errors import RequestError, one_line
from edge_export.family.bundle import check_output, describe_file, staging, write_records
from edge_export.family.manifest import Artifact, Manifest, Member, MotherEntry, Recorded, Refusal, Variant
from edge_export.family.numerics import ArtifactRun, MemberNumerics, Numerics
from edge_export.family.proof import not_run, prove_artifact
from edge_export.family.target import ArtifactPlan, Target
from edge_export.formats import artifact_name
from edge_export.formats.order import compile_in_worker
from edge_export.verify.artifact import Reference, join_inputs
from edge_export.verify.goldens import TARGETS, named, save_arrays
from edge_export.verify.metrics import TASK_METRICS
from edge_export.verify.sounds import write_mixtures, write_stems
from edge_export.workers import Pool, WorkerError

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Config, Mother, Recordings
    from edge_export.verify.member import PreparedMember
    from edge_export.verify.results import Approximation

GOLDENS = "goldens"
INPUTS = f"{GOLDENS}/inputs.safetensors"
HELD_OUT = f"{GOLDENS}/held_out.safetensors"
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
        logs: The folder of the converters' and runtimes' logs.
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
    """A finished bundle, and how long each step took at work, in seconds, by (member, step)."""

    manifest: Manifest
    numerics: Numerics
    seconds: dict[tuple[str, str], float]


@dataclass(frozen=True)
class _Site:
    """Where a build happens: the bundle that is being staged, a scratch folder, the workers, and who is told."""

    request: Request
    staged: Path
    scratch: Path
    pool: Pool
    progress: Progress
    seconds: dict[tuple[str, str], float]


def parse_members(mother: Mother, text: str) -> dict[str, Config]:
    """Configurations by their text, from a list such as "0.25,0.5,1.0".

    Raises:
        RequestError: An entry is empty, malformed, outside of the mother's space or there twice; all are named.
    """
    members: dict[str, Config] = {}
    names: dict[str, str] = {}
    problems = []
    for entry in map(str.strip, text.split(",")):
        try:
            if not entry:
                raise RequestError("an entry is empty: separate configurations by single commas")
            config = mother.space.parse(entry)
            name = mother.space.name(config)
        except RequestError as error:
            problems.append(str(error))
        except (ValueError, TypeError, LookupError) as error:  # what a stranger's parse may raise
            problems.append(f"{entry!r} is no configuration of the mother ({type(error).__name__}: {one_line(error)})")
        else:
            if name in names:
                problems.append(f"{entry} and {names[name]} are the same member: give it once")
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
    with (
        staging(request.out) as staged,
        tempfile.TemporaryDirectory(prefix="edge_export-") as scratch,
        ThreadPoolExecutor(max_workers=2 * request.jobs) as threads,
        Pool(request.jobs) as pool,  # last in, first out: an error here stops the workers that the threads wait for
    ):
        site = _Site(request, staged, Path(scratch), pool, progress, {})
        recorded, inputs = _write_recorded(site)
        pending: list[tuple[Member, PreparedMember, list[Future[tuple[Artifact, ArtifactRun]]]]] = []
        # The largest member tends to stand last and takes longest: begun first, nobody waits for it alone at the end.
        for text, config in reversed(list(request.members.items())):
            member, prepared = _prepare(site, text, config)
            targets = request.recordings.targets
            reference = Reference(
                inputs=inputs,
                golden=prepared.golden,
                targets=None if targets is None else targets.numpy(),
                metric=request.recordings.metric,
                mother_metric=prepared.metric,
            )
            plans = request.target.artifacts
            jobs = [threads.submit(_make, site, member, p, prepared.reason, reference) for p in plans]
            pending.append((member, prepared, jobs))
        members, numbers = [], []
        for member, prepared, jobs in reversed(pending):
            artifacts, runs = zip(*(job.result() for job in jobs), strict=True)
            members.append(member.model_copy(update={"artifacts": artifacts}))
            numbers.append(MemberNumerics(name=member.name, stages=prepared.stages, runs=runs))
        manifest = Manifest(
            schema="1.0",
            target=request.target.name,
            mother=MotherEntry(spec=request.mother_spec, checkpoint_sha256=request.checkpoint_sha256),
            tools={tool: version(tool) for tool in TOOLS},
            recorded=recorded,
            members=tuple(members),
        )
        numerics = Numerics(schema="1.0", members=tuple(numbers))
        write_records(staged, manifest, numerics)
    return Built(manifest, numerics, site.seconds)


def _write_recorded(site: _Site) -> tuple[Recorded, Path]:
    """Put the golden inputs and the held-out set into the bundle; both together where the workers find them."""
    io, recordings, staged = site.request.mother.io, site.request.recordings, site.staged
    whole = io.stream is not None
    goldens = named(io.inputs, recordings.goldens, whole_recordings=whole)
    save_arrays(staged / INPUTS, goldens)
    held_out, file, baseline = {}, None, None
    if recordings.targets is not None:
        task = TASK_METRICS[recordings.metric]
        baseline = None if task.baseline is None else task.baseline(recordings.targets.numpy())
        held_out = named(io.inputs, recordings.held_out, whole_recordings=whole)
        save_arrays(staged / HELD_OUT, held_out | {TARGETS: recordings.targets.numpy()})
        file = describe_file(staged, staged / HELD_OUT)
    sounds = write_mixtures(staged / GOLDENS, goldens[io.inputs[0].name], io.stream) if io.stream else []
    recorded = Recorded(
        metric=recordings.metric,
        baseline=baseline,
        inputs=describe_file(staged, staged / INPUTS),
        held_out=file,
        sounds=tuple(describe_file(staged, path) for path in sounds),
    )
    return recorded, join_inputs(site.scratch / "inputs.safetensors", goldens, held_out)


def _prepare(site: _Site, text: str, config: Config) -> tuple[Member, PreparedMember]:
    """Prove a member; its golden goes into the bundle, its program where the workers find it."""
    import torch

    from edge_export.verify.member import prepare_member

    request = site.request
    name = request.mother.space.name(config)
    site.progress(name, "member", "extract, calibrate, bake")
    started = time.monotonic()
    tolerance = request.target.tolerance("member", "fp32")
    batches = request.target.calibration_batches
    options = request.target.member
    prepared = prepare_member(request.mother, config, request.recordings, tolerance, batches, options)
    golden = site.staged / GOLDENS / f"{name}.safetensors"
    save_arrays(golden, prepared.golden)
    stems, stream = prepared.golden[prepared.io.outputs[0].name], prepared.io.stream
    sounds = write_stems(site.staged / GOLDENS, name, stems, stream) if stream else []
    torch.export.save(prepared.program, _program(site, name))
    member = Member(
        name=name,
        config=text,
        options=options,
        io=prepared.io,
        latency_ms=stream.latency_ms if stream else None,
        params=prepared.complexity.params,
        macs=prepared.complexity.macs,
        peak_activation_bytes=prepared.complexity.peak_activation_bytes,
        calibration_batches=prepared.calibration_batches,
        tolerance=tolerance,
        folded=len(prepared.baked.applied),
        refused=tuple(Refusal(rule=r.rule, layer=r.layer, reason=r.reason) for r in prepared.baked.refused),
        golden=describe_file(site.staged, golden),
        metric=prepared.metric,
        sounds=tuple(describe_file(site.staged, path) for path in sounds),
        variant=_variant(prepared.approximation),
        artifacts=(),
    )
    site.seconds[name, "member"] = time.monotonic() - started
    site.progress(name, "member", prepared.reason or "proven")
    return member, prepared


def _variant(approximation: Approximation | None) -> Variant | None:
    if approximation is None:
        return None
    return Variant(name=approximation.name, agreement=approximation.agreement, metric_without=approximation.metric)


def _make(
    site: _Site, member: Member, plan: ArtifactPlan, member_reason: str, reference: Reference
) -> tuple[Artifact, ArtifactRun]:
    """Compile one artifact into the bundle, then run it from there; a member that is wrong is not compiled."""
    request, name = site.request, member.name
    log = request.logs / name / f"{plan.label}.log"
    log.unlink(missing_ok=True)
    artifact = Artifact(
        format=plan.format,
        backend=plan.backend,
        precision=plan.precision,
        file=None,
        io=None,
        tolerance=request.target.tolerance(plan.format, plan.precision),
        status="failed",
        reason=member_reason,
    )

    def end(run: ArtifactRun) -> tuple[Artifact, ArtifactRun]:
        site.progress(name, plan.label, run.verdict)
        return artifact.model_copy(update={"status": run.verdict, "reason": run.reason}), run

    if member_reason:
        return end(not_run(artifact, "failed", member_reason))
    workdir = site.scratch / name / plan.label
    site.progress(name, plan.label, "compile")
    try:
        compiled = compile_in_worker(
            site.pool,
            format_name=plan.format,
            precision=plan.precision,
            options={"backend": plan.backend, **plan.options},
            program=_program(site, name),
            io=member.io,
            workdir=workdir,
            log=log,
        )
    except WorkerError as error:
        return end(not_run(artifact, "error", f"did not compile: {error}"))
    path = site.staged / "members" / name / artifact_name(plan.format, plan.backend, plan.precision)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(compiled.path, path)  # the scratch folder may be on another file system
    artifact = artifact.model_copy(update={"file": describe_file(site.staged, path), "io": compiled.io})
    site.progress(name, plan.label, "verify")
    run, verify_seconds = prove_artifact(
        artifact, path, member_io=member.io, reference=reference, pool=site.pool, workdir=workdir, log=log
    )
    site.seconds[name, f"{plan.label} compile"] = compiled.seconds
    site.seconds[name, f"{plan.label} verify"] = verify_seconds
    return end(run)


def _program(site: _Site, name: str) -> Path:
    return site.scratch / f"{name}.pt2"
