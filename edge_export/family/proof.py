"""Repeat on a bundle, wherever it lies now, everything that was proven when it was built."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.errors import RequestError, one_line
from edge_export.family.bundle import Bundle
from edge_export.family.manifest import Artifact, Member, Status
from edge_export.family.numerics import ArtifactRun, MemberNumerics, Numerics
from edge_export.runtimes import Unsupported, runtime_of, why_unavailable
from edge_export.verify.artifact import Reference, join_inputs, measure_artifact, split_held_out
from edge_export.verify.goldens import load_arrays
from edge_export.verify.metrics import Array, agreement
from edge_export.verify.results import Stage
from edge_export.verify.tolerances import why_not
from edge_export.workers import Pool, WorkerError

if TYPE_CHECKING:
    from edge_export.mothers.protocol import IOSpec, Mother, Recordings

LOCAL = "local"
Progress = Callable[[str, str, str], None]


def prove_bundle(
    bundle: Bundle,
    mother: tuple[Mother, Recordings] | None,
    jobs: int,
    logs: Path,
    progress: Progress,
) -> Numerics:
    """Check every file's sha256, run every artifact from where it lies, and repeat the stages if the mother is here.

    Args:
        mother: The mother with the checkpoint that the bundle was built from, and its data; None repeats no stage.

    Raises:
        RequestError: The recorded inputs are damaged, so that nothing can be proven.
    """
    manifest = bundle.manifest
    goldens, (held_out, targets) = _recorded(bundle)
    with (
        tempfile.TemporaryDirectory(prefix="edge_export-") as scratch,
        ThreadPoolExecutor(max_workers=2 * jobs) as threads,
        Pool(jobs) as pool,
    ):
        work = Path(scratch)
        inputs = join_inputs(work / "inputs.safetensors", goldens, held_out)
        pending = []
        for member in manifest.members:
            golden, damage = _golden(bundle, member)
            reference = Reference(inputs, golden, targets, manifest.recorded.metric, member.metric)
            runs = [
                threads.submit(_prove_from_disk, bundle, member, a, reference, damage, work, pool, logs, progress)
                for a in member.artifacts
            ]
            stages = () if mother is None or damage else _prove_stages(mother, member, goldens, golden, progress)
            pending.append((member.name, stages, runs))
        members = tuple(
            MemberNumerics(name=name, stages=stages, runs=tuple(run.result() for run in runs))
            for name, stages, runs in pending
        )
    return Numerics(schema="1.0", members=members)


def _recorded(bundle: Bundle) -> tuple[dict[str, Array], tuple[dict[str, Array], Array | None]]:
    recorded = bundle.manifest.recorded
    sounds = [sound for member in bundle.manifest.members for sound in member.sounds]
    for file in (recorded.inputs, recorded.held_out, *recorded.sounds, *sounds):
        if file is not None and (damage := bundle.why_changed(file)):
            raise RequestError(f"{bundle.root}: {damage}; build it again")
    goldens = load_arrays(bundle.path(recorded.inputs))
    held_out = {} if recorded.held_out is None else load_arrays(bundle.path(recorded.held_out))
    wanted = [s.name for member in bundle.manifest.members for s in member.io.recorded_inputs]
    missing = [name for name in wanted if name not in goldens]
    if missing:
        raise RequestError(f"{bundle.root}: {recorded.inputs.path} lacks input {missing[0]}; build it again")
    return goldens, split_held_out(held_out)


def _golden(bundle: Bundle, member: Member) -> tuple[dict[str, Array], str]:
    """The member's reference outputs, or why they can't be trusted."""
    try:
        if damage := bundle.why_changed(member.golden):
            return {}, damage
        golden = load_arrays(bundle.path(member.golden))
    except RequestError as error:
        return {}, str(error)
    missing = [s.name for s in member.io.recorded_outputs if s.name not in golden]
    return golden, f"{member.golden.path} lacks output {missing[0]}" if missing else ""


def _prove_stages(
    mother: tuple[Mother, Recordings],
    member: Member,
    goldens: dict[str, Array],
    golden: dict[str, Array],
    progress: Progress,
) -> tuple[Stage, ...]:
    """Make the member again from the mother, and compare what the bundle recorded with what the mother gives now."""
    import torch

    from edge_export.verify.member import prepare_member

    network, recordings = mother
    progress(member.name, "member", "extract, calibrate, bake")
    inputs = tuple(torch.from_numpy(goldens[spec.name]) for spec in network.io.inputs)
    prepared = prepare_member(
        network,
        network.space.parse(member.config),
        replace(recordings, goldens=inputs),
        member.tolerance,
        member.calibration_batches or None,
        member.options,
    )
    recorded = min((agreement(prepared.golden[name], golden[name]) for name in prepared.golden), key=lambda a: a.snr_db)
    stages = (Stage("recorded", recorded, why_not(recorded, member.tolerance) or ""), *prepared.stages)
    reason = next((f"stage {s.name}: {s.reason}" for s in stages if s.reason), "")
    progress(member.name, "member", reason or "proven")
    return stages


def _prove_from_disk(
    bundle: Bundle,
    member: Member,
    artifact: Artifact,
    reference: Reference,
    damage: str,
    work: Path,
    pool: Pool,
    logs: Path,
    progress: Progress,
) -> ArtifactRun:
    """Prove one artifact of a bundle, unless it or its reference is not what the manifest says."""

    def prove() -> ArtifactRun:
        if artifact.file is None or artifact.io is None:
            return not_run(artifact, artifact.status, artifact.reason)
        try:
            if reason := damage or bundle.why_changed(artifact.file):
                return not_run(artifact, "failed", reason)
        except RequestError as error:
            return not_run(artifact, "failed", str(error))
        progress(member.name, artifact.label, "verify")
        return prove_artifact(
            artifact,
            bundle.path(artifact.file),
            member_io=member.io,
            reference=reference,
            pool=pool,
            workdir=work / member.name / artifact.label,
            log=logs / member.name / f"{artifact.label}.log",
        )[0]

    run = prove()
    progress(member.name, artifact.label, run.verdict)
    return run


def prove_artifact(
    artifact: Artifact,
    path: Path,
    *,
    member_io: IOSpec,
    reference: Reference,
    pool: Pool,
    workdir: Path,
    log: Path,
) -> tuple[ArtifactRun, float]:
    """Run the compiled artifact at `path` and compare it with `reference`; whatever goes wrong is its verdict.

    Returns:
        The verdict, and how long the artifact took to load and run, in seconds.
    """
    assert artifact.io is not None
    if reason := why_unavailable(runtime_of(artifact.format)):
        return not_run(artifact, "unverified", reason), 0.0
    try:
        measured = measure_artifact(
            pool,
            format_name=artifact.format,
            path=path,
            io=artifact.io,
            member_io=member_io,
            reference=reference,
            tolerance=artifact.tolerance,
            workdir=workdir,
            log=log,
        )
    except Unsupported as error:
        return not_run(artifact, "unverified", str(error)), 0.0
    except (WorkerError, RequestError, ValueError, KeyError) as error:
        return not_run(artifact, "failed", f"did not run: {error}"), 0.0
    run = ArtifactRun(
        artifact=artifact.label,
        runtime=measured.runtime,
        device=LOCAL,
        agreement=measured.agreement,
        metric=measured.metric,
        verdict="failed" if measured.reason else "passed",
        reason=measured.reason or _within_tolerance(artifact.format),
    )
    return run, measured.seconds


def _within_tolerance(format_name: str) -> str:
    """What a passed artifact has shown: with some runtimes, not everything."""
    proves = runtime_of(format_name).proves
    return "within tolerance of the mother" + (f"; {proves}" if proves else "")


def not_run(artifact: Artifact, verdict: Status, reason: str) -> ArtifactRun:
    """The verdict on an artifact that no runtime has seen."""
    return ArtifactRun(
        artifact=artifact.label,
        runtime="none",
        device=LOCAL,
        agreement=None,
        metric=None,
        verdict=verdict,
        reason=one_line(reason, 1000),
    )
