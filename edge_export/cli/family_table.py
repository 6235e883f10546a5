"""The table of a family: one row per artifact, the way from the mother in one more table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_export.cli import tables
from edge_export.cli.fitted_table import Column, FittedTable, print_fitted, print_in_parts

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.bundle.manifest import Manifest
    from edge_export.bundle.numerics import ArtifactRun, Numerics


def print_artifacts(
    console: Console,
    manifest: Manifest,
    numerics: Numerics,
    seconds: dict[tuple[str, str], float | None] | None = None,
) -> None:
    """One row per artifact and runtime, then the reason of each that did not pass."""
    print_fitted(console, _artifacts(manifest, numerics, seconds))
    if (baseline := manifest.recorded.baseline) is not None:
        console.print(f"baseline {manifest.recorded.metric}: {baseline:.2f}")
    for reason, labels in _reasons(manifest, numerics).items():
        console.print(f"{labels}: {tables.plain(reason)}")


def _columns(metric: str, timed: bool, several_runtimes: bool) -> tuple[Column, ...]:
    """In their order; where an artifact ran in several runtimes, only their names tell its rows apart."""
    columns = (
        Column("member"),
        Column("params", leaves=5, right=True),
        Column("MACs", leaves=6, right=True),
        Column("artifact"),
        Column("scheme", leaves=1),
        Column("bytes", leaves=9, right=True),
        Column("runtime", leaves=11 if several_runtimes else 4),
        Column("status"),
        Column("SNR dB", leaves=10, right=True),
        Column("max error", leaves=3, right=True),
        Column(metric, leaves=7, right=True),
        Column("lost", leaves=8, right=True),
    )
    return (*columns, Column("seconds", leaves=2, right=True)) if timed else columns


def _artifacts(
    manifest: Manifest, numerics: Numerics, seconds: dict[tuple[str, str], float | None] | None
) -> FittedTable:
    sections = []
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        head = [member.name, tables.count(member.params), tables.count(member.macs)]
        rows: list[tuple[str, ...]] = []
        for artifact in member.artifacts:
            size = tables.size(artifact.file.bytes) if artifact.file else "-"
            about = [artifact.label, artifact.scheme, size]
            for run in numbers.runs_of(artifact.label):
                taken = [] if seconds is None else [_taken(seconds, member.name, run)]
                rows.append((*head, *about, *_numbers(run), *taken))
                head, about = [""] * len(head), [""] * len(about)
        sections.append(tuple(rows))
    several = any(
        len(numbers.runs_of(artifact.label)) > 1
        for member, numbers in zip(manifest.members, numerics.members, strict=True)
        for artifact in member.artifacts
    )
    columns = _columns(manifest.recorded.metric, seconds is not None, several)
    return FittedTable(f"{tables.plain(manifest.mother.spec)} for {manifest.target}", columns, tuple(sections))


def _numbers(run: ArtifactRun) -> list[str]:
    metric = run.metric
    return [
        tables.plain(run.runtime),
        tables.status(run.verdict),
        tables.snr(run.agreement),
        tables.max_abs(run.agreement),
        tables.metric(metric),
        "-" if metric is None else f"{round(metric.mother - metric.artifact, 2) + 0.0:.2f}",  # never -0.00
    ]


def _taken(seconds: dict[tuple[str, str], float | None], member: str, run: ArtifactRun) -> str:
    """How long compiling and running took together, or that both were there already."""
    steps = [taken for (name, step), taken in seconds.items() if name == member and step.startswith(run.artifact)]
    spent = [taken for taken in steps if taken is not None]
    return f"{sum(spent):.1f}" if spent else ("cached" if steps else "-")


def print_stages(console: Console, manifest: Manifest, numerics: Numerics) -> None:
    """One column per member: how each stage from the mother agrees with it, SNR in dB."""
    most_first = sorted(numerics.members, key=lambda m: -len(m.stages))
    stages = []
    for name in dict.fromkeys(stage.name for member in most_first for stage in member.stages):
        shown = [next((s for s in member.stages if s.name == name), None) for member in numerics.members]
        cells = ("-" if s is None else tables.snr(s.agreement) + (" !" if s.reason else "") for s in shown)
        stages.append((tables.plain(name), *cells))
    unit = manifest.recorded.metric
    metrics = ("-" if member.metric is None else f"{member.metric:.2f}" for member in manifest.members)
    counts = (
        ("folded layers", *(str(member.folded) for member in manifest.members)),
        ("not folded", *(str(len(member.refused)) for member in manifest.members)),
        (f"mother's {unit}", *metrics),
    )
    columns = (Column("stage"), *(Column(member.name, right=True) for member in manifest.members))
    title = "stages, SNR in dB against the mother at the configuration"
    print_in_parts(console, FittedTable(title, columns, (tuple(stages), counts)))
    for member in manifest.members:
        if (variant := member.variant) is not None:
            lost = (
                ""
                if variant.metric_without is None or member.metric is None
                else (f", {unit} {member.metric:.2f} instead of {variant.metric_without:.2f}")
            )
            costs = f"{member.name}: {variant.name} costs SNR {variant.agreement.snr_db:.1f} dB{lost}"
            console.print(tables.plain(costs))


def as_json(manifest: Manifest, numerics: Numerics) -> list[dict[str, Any]]:
    """The members with their stages and artifacts, for `--json`."""
    members = []
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        entry = member.model_dump(mode="json")
        data = numbers.model_dump(mode="json")
        entry["stages"] = data["stages"]
        for artifact, stated in zip(entry["artifacts"], member.artifacts, strict=True):
            artifact["runs"] = [run for run in data["runs"] if run["artifact"] == stated.label]
        members.append(entry)
    return members


def _reasons(manifest: Manifest, numerics: Numerics) -> dict[str, str]:
    """Each reason of what did not pass, with the artifacts it holds for; one line where all share it."""
    found: dict[str, list[str]] = {}
    for member in manifest.members:
        for artifact in member.artifacts:
            for attempt in artifact.attempts:
                reason = f"{attempt.reason}; {artifact.scheme} was taken instead"
                found.setdefault(reason, []).append(f"{member.name}/{artifact.label} {attempt.scheme} did not hold")
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        for run in numbers.runs:
            if run.verdict != "passed":
                found.setdefault(run.reason, []).append(f"{member.name}/{run.artifact} {run.verdict}")
    return {
        reason: labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"
        for reason, labels in found.items()
    }
