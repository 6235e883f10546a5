"""Prepares members: from the mother to proven programs on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_export.bundle.folder import describe_file
from edge_export.bundle.manifest import Member, Recorded, Variant
from edge_export.files.copying import copy_contents
from edge_export.formats import FORMATS
from edge_export.pipeline.context import BuildContext
from edge_export.pipeline.mother_source import RecordedFiles, submit_for_mother
from edge_export.pipeline.open_mother import HELD_OUT, INPUTS, OPEN, OpenAnswer, OpenRequest
from edge_export.pipeline.prepare_member import EXTREMES, GOLDEN, PREPARE, PrepareAnswer, PrepareRequest
from edge_export.pipeline.score import score_in_worker
from edge_export.spec.agreement import Agreement
from edge_export.spec.results import Stage
from edge_export.spec.tolerance import within_rounding
from edge_export.verify.artifact import Reference, join_inputs
from edge_export.verify.suggestions import first_divergence
from edge_export.verify.verdict import judge_stages

GOLDENS = "goldens"


@dataclass(frozen=True)
class Family:
    """The values that all members of a build share.

    Attributes:
        staged: The folder of the bundle, with the recorded data in it.
        inputs: One file with the golden inputs and the held-out set's inputs.
    """

    staged: Path
    recorded: Recorded
    files: RecordedFiles
    inputs: Path


@dataclass(frozen=True)
class Prepared:
    """A proven member on disk: its entry in the manifest, its files for the converters, and what is known of it.

    Attributes:
        rounding: How far the mother's outputs are rounded by float32. None: unknown.
        half_range: Where the member leaves the range of float16. Empty: nowhere.
        coarsest: Where int8 costs the member most. Empty: nowhere much.
        lines: Where the user's own file calls the member's operators, by their names.
    """

    family: Family
    member: Member
    stages: tuple[Stage, ...]
    reason: str
    digest: str
    folder: Path
    reference: Reference
    rounding: Agreement | None
    half_range: str
    coarsest: str
    lines: Mapping[str, str]


def open_mother(context: BuildContext) -> OpenAnswer:
    """Opens the mother, checks the requested members, and writes the recorded data to the scratch folder."""
    source, members, workdir = context.request.mother, context.request.members, _opened(context)
    identity = source.identity()
    parts = None if identity is None else {"mother": identity, "members": members}

    def work() -> OpenAnswer:
        request = OpenRequest(source=source, members=members, workdir=workdir)
        return submit_for_mother(context.workers, OPEN, request, source, context.request.logs / "mother.log")

    return context.step(("", "open"), "open", OpenAnswer, parts, workdir, work)


def bundle_recorded(context: BuildContext, opened: OpenAnswer, staged: Path) -> Family:
    """Copies the recorded data into the bundle, and joins all inputs in one file for the workers."""
    bundled = staged / GOLDENS
    copy_contents(_opened(context), bundled)
    held_out = bundled / HELD_OUT if opened.held_out else None
    files = RecordedFiles(inputs=bundled / INPUTS, held_out=held_out, extremes=bundled / EXTREMES)
    recorded = Recorded(
        metric=opened.metric,
        unit=opened.unit,
        baseline=opened.baseline,
        inputs=describe_file(staged, files.inputs),
        held_out=None if held_out is None else describe_file(staged, held_out),
        extremes=describe_file(staged, files.extremes),
        sounds=tuple(describe_file(staged, bundled / name) for name in opened.sounds),
    )
    return Family(staged, recorded, files, join_inputs(context.scratch / INPUTS, files.inputs, held_out))


def _opened(context: BuildContext) -> Path:
    return context.scratch / "opened"


def prepare(context: BuildContext, family: Family, text: str, name: str) -> Prepared:
    """Prepares a member, and copies its goldens into the bundle."""
    request, workdir = context.request, context.scratch / name / "member"
    target = request.target
    context.progress(name, "member", "extract, calibrate, bake")
    log = request.logs / name / "member.log"
    calibrate = any(plan.precision == "int8" for plan in target.artifacts)
    halved = any(plan.precision in FORMATS[plan.format].in_half for plan in target.artifacts)
    identity = request.mother.identity()
    parts = identity and {
        "mother": identity,
        "config": text,
        "options": target.member,
        "batches": target.calibration_batches,
        "calibrate": calibrate,
        "halved": halved,
        "recorded": family.recorded.model_dump(mode="json"),
    }

    def work() -> PrepareAnswer:
        prepare_request = PrepareRequest(
            source=request.mother,
            recorded=family.files,
            config=text,
            options=target.member,
            batches=target.calibration_batches,
            calibrate=calibrate,
            halved=halved,
            workdir=workdir,
        )
        return submit_for_mother(context.workers, PREPARE, prepare_request, request.mother, log)

    answer = context.step((name, "member"), "prepare", PrepareAnswer, parts, workdir, work)
    bundled = family.staged / GOLDENS
    golden = copy_contents(workdir / GOLDEN, bundled / f"{name}.safetensors")
    extremes = copy_contents(workdir / EXTREMES, bundled / f"{name}-extremes.safetensors")
    sounds = [copy_contents(workdir / sound, bundled / sound) for sound in answer.sounds]
    tolerance = within_rounding(target.tolerance("member", "fp32"), answer.rounding)
    stages = judge_stages(answer.stages, tolerance)
    variant = answer.approximation
    member = Member(
        name=name,
        config=text,
        options=target.member,
        io=answer.io,
        latency_ms=answer.latency_ms,
        params=answer.params,
        macs=answer.macs,
        weight_bytes=answer.weight_bytes,
        peak_activation_bytes=answer.peak_activation_bytes,
        calibration_batches=answer.calibration_batches,
        tolerance=tolerance,
        folded=answer.folded,
        refused=answer.refused,
        golden=describe_file(family.staged, golden),
        extremes=describe_file(family.staged, extremes),
        metric=answer.metric,
        sounds=tuple(describe_file(family.staged, path) for path in sounds),
        variant=variant and Variant(name=variant.name, agreement=variant.agreement, metric_without=variant.metric),
        artifacts=(),
    )
    metric, held_out = family.recorded.metric, family.files.held_out
    reference = Reference(
        inputs=family.inputs,
        golden=golden,
        held_out=held_out,
        metric=metric,
        unit=family.recorded.unit,
        mother_metric=member.metric,
        extremes=(family.files.extremes, extremes),
        score=score_in_worker(context.workers, request.mother, metric, held_out, log),
    )
    reason = first_divergence(stages)
    context.progress(name, "member", reason or "proven")
    return Prepared(
        family,
        member,
        stages,
        reason,
        answer.digest,
        workdir,
        reference,
        answer.rounding,
        answer.half_range,
        answer.coarsest,
        answer.lines,
    )
