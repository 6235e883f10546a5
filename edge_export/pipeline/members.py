"""From the mother to proven members on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from edge_export.bundle.folder import describe_file
from edge_export.bundle.manifest import Member, Recorded, Variant
from edge_export.files.copying import copy_contents
from edge_export.pipeline.context import Site
from edge_export.pipeline.mother_source import EXTREMES, GOLDEN, HELD_OUT, INPUTS, RecordedFiles, order
from edge_export.spec.io_json import io_from_json
from edge_export.spec.results import Stage
from edge_export.verify.artifact import Reference, join_inputs
from edge_export.verify.suggestions import first_divergence
from edge_export.verify.verdict import judge_stages

GOLDENS = "goldens"
_STAGES = TypeAdapter(list[Stage])


@dataclass(frozen=True)
class Family:
    """What every member of a build shares.

    Attributes:
        staged: The folder of the bundle, with the recorded data in it.
        inputs: The golden inputs and the held-out set's in one file.
    """

    staged: Path
    recorded: Recorded
    files: RecordedFiles
    inputs: Path


@dataclass(frozen=True)
class Prepared:
    """A proven member on disk: what the manifest says of it, and its files for the converters."""

    family: Family
    member: Member
    stages: tuple[Stage, ...]
    reason: str
    digest: str
    folder: Path
    reference: Reference


def open_mother(site: Site) -> dict[str, Any]:
    """Open the mother, check the members that are asked for, and write its recorded data to the scratch folder.

    Returns:
        What the task "open" returns; see `tasks.py`.
    """
    request = site.request
    identity = request.mother.identity()
    parts = None if identity is None else {"mother": identity, "members": request.members}
    log = request.logs / "mother.log"

    def work() -> dict[str, Any]:
        return order(site.pool, "open", request.mother, {"members": request.members}, _opened(site), log)

    return site.step(("", "open"), "open", parts, _opened(site), work).record


def bundle_recorded(site: Site, opened: dict[str, Any], staged: Path) -> Family:
    """Put the recorded data into the bundle, and all inputs where the workers find them."""
    bundled = staged / GOLDENS
    copy_contents(_opened(site), bundled)
    held_out = bundled / HELD_OUT if opened["held_out"] else None
    files = RecordedFiles(bundled / INPUTS, held_out, bundled / EXTREMES)
    recorded = Recorded(
        metric=opened["metric"],
        baseline=opened["baseline"],
        inputs=describe_file(staged, files.inputs),
        held_out=None if held_out is None else describe_file(staged, held_out),
        extremes=describe_file(staged, files.extremes),
        sounds=tuple(describe_file(staged, bundled / name) for name in opened["sounds"]),
    )
    return Family(staged, recorded, files, join_inputs(site.scratch / INPUTS, files.inputs, held_out))


def _opened(site: Site) -> Path:
    return site.scratch / "opened"


def prepare(site: Site, family: Family, text: str, name: str) -> Prepared:
    """Prove a member; what people and `verify` need of it goes into the bundle."""
    request, workdir = site.request, site.scratch / name / "member"
    target = request.target
    site.progress(name, "member", "extract, calibrate, bake")
    args = {
        "config": text,
        "options": target.member,
        "batches": target.calibration_batches,
        "calibrate": any(plan.precision == "int8" for plan in target.artifacts),
    }
    identity = request.mother.identity()
    parts = (
        None if identity is None else {"mother": identity, **args, "recorded": family.recorded.model_dump(mode="json")}
    )
    log = request.logs / name / "member.log"

    def work() -> dict[str, Any]:
        return order(site.pool, "prepare", request.mother, {**family.files.args(), **args}, workdir, log)

    record = site.step((name, "member"), "prepare", parts, workdir, work).record
    bundled = family.staged / GOLDENS
    golden = copy_contents(workdir / GOLDEN, bundled / f"{name}.safetensors")
    extremes = copy_contents(workdir / EXTREMES, bundled / f"{name}-extremes.safetensors")
    sounds = [copy_contents(workdir / sound, bundled / sound) for sound in record["sounds"]]
    tolerance = target.tolerance("member", "fp32")
    stages = judge_stages(_STAGES.validate_python(record["stages"]), tolerance)
    variant = record["approximation"]
    member = Member(
        name=name,
        config=text,
        options=target.member,
        io=io_from_json(record["io"]),
        latency_ms=record["latency_ms"],
        params=record["params"],
        macs=record["macs"],
        peak_activation_bytes=record["peak_activation_bytes"],
        calibration_batches=record["calibration_batches"],
        tolerance=tolerance,
        folded=record["folded"],
        refused=record["refused"],
        golden=describe_file(family.staged, golden),
        extremes=describe_file(family.staged, extremes),
        metric=record["metric"],
        sounds=tuple(describe_file(family.staged, path) for path in sounds),
        variant=variant
        and Variant(name=variant["name"], agreement=variant["agreement"], metric_without=variant["metric"]),
        artifacts=(),
    )
    reference = Reference(
        inputs=family.inputs,
        golden=golden,
        held_out=family.files.held_out,
        metric=family.recorded.metric,
        mother_metric=member.metric,
        extremes=(family.files.extremes, extremes),
    )
    reason = first_divergence(stages)
    site.progress(name, "member", reason or "proven")
    return Prepared(family, member, stages, reason, record["digest"], workdir, reference)
