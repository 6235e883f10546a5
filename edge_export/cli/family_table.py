"""The tables of a family: one table of artifacts, one table of the stages from the mother to each member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_export.cli import tables
from edge_export.cli.fitted_table import Column, FittedTable, print_fitted, print_in_parts

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.bundle.manifest import Manifest, Member
    from edge_export.bundle.numerics import ArtifactRun, Numerics


def print_artifacts(
    console: Console,
    manifest: Manifest,
    numerics: Numerics,
    seconds: dict[tuple[str, str], float | None] | None = None,
) -> None:
    """Prints one row per artifact and runtime, then the members that were not made and why others did not pass.

    Args:
        seconds: The durations of steps by member and step, None for a step from the cache. None: no such column.
    """
    print_fitted(console, _artifacts(manifest, numerics, seconds))
    members = zip(manifest.members, numerics.members, strict=True)
    if any(run.on_part(member.metric) for member, numbers in members for run in numbers.runs):
        console.print("* measured on a part of the recordings, and so is what it lost")
    for names, labels in _by_documentation(numerics).items():
        console.print(f"{labels}: semantics by documentation only: {tables.plain(names)}")
    if (baseline := manifest.recorded.baseline) is not None:
        console.print(f"baseline {manifest.recorded.metric}: {baseline:.2f}")
    for failed in manifest.errors:
        console.print(f"{failed.name} error: {tables.plain(failed.reason)}")
    for reason, labels in _reasons(manifest, numerics).items():
        console.print(f"{labels}: {tables.plain(reason)}")


def _columns(metric: str, timed: bool, several_runtimes: bool, devices: bool) -> tuple[Column, ...]:
    """Returns the columns in order.

    If an artifact ran in several runtimes, the column "runtime" is removed late: only it distinguishes the rows.

    Args:
        devices: Whether there is a column "device", because not all ran here.
    """
    columns = (
        Column("member"),
        Column("params", drop=5, right=True),
        Column("MACs", drop=6, right=True),
        Column("artifact"),
        Column("scheme", drop=1),
        Column("bytes", drop=9, right=True),
        Column("runtime", drop=11 if several_runtimes else 4),
        *((Column("device", drop=12),) if devices else ()),
        Column("status"),
        Column("SNR dB", drop=10, right=True),
        Column("max error", drop=3, right=True),
        Column(metric, drop=7, right=True),
        Column("lost", drop=8, right=True),
    )
    return (*columns, Column("seconds", drop=2, right=True)) if timed else columns


def _artifacts(
    manifest: Manifest, numerics: Numerics, seconds: dict[tuple[str, str], float | None] | None
) -> FittedTable:
    from edge_export.bundle.numerics import LOCAL

    sections = []
    devices = any(run.device != LOCAL for member in numerics.members for run in member.runs)
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        head = [member.name, tables.count(member.params), tables.count(member.macs)]
        rows: list[tuple[str, ...]] = []
        for artifact in member.artifacts:
            size = tables.size(artifact.file.bytes) if artifact.file else "-"
            about = [artifact.label, artifact.scheme, size]
            for run in numbers.runs_of(artifact.label):
                taken = [] if seconds is None else [_taken(seconds, member.name, run)]
                runtime, *rest = _numbers(run, member)
                where = [tables.plain(run.device)] if devices else []
                rows.append((*head, *about, runtime, *where, *rest, *taken))
                head, about = [""] * len(head), [""] * len(about)
        sections.append(tuple(rows))
    several = any(
        len(numbers.runs_of(artifact.label)) > 1
        for member, numbers in zip(manifest.members, numerics.members, strict=True)
        for artifact in member.artifacts
    )
    columns = _columns(manifest.recorded.metric, seconds is not None, several, devices)
    return FittedTable(f"{tables.plain(manifest.mother.spec)} for {manifest.target}", columns, tuple(sections))


def _numbers(run: ArtifactRun, member: Member) -> list[str]:
    metric = run.metric
    return [
        tables.plain(run.runtime),
        tables.status(run.verdict),
        tables.snr(run.agreement),
        tables.max_abs(run.agreement),
        "*" * run.on_part(member.metric) + tables.metric(metric),
        "-" if metric is None else f"{metric.lost:.2f}",
    ]


def _taken(seconds: dict[tuple[str, str], float | None], member: str, run: ArtifactRun) -> str:
    """Returns the time of compiling and running together, or "cached" if both came from the cache."""
    steps = [taken for (name, step), taken in seconds.items() if name == member and step.startswith(run.artifact)]
    spent = [taken for taken in steps if taken is not None]
    return f"{sum(spent):.1f}" if spent else ("cached" if steps else "-")


def print_stages(console: Console, manifest: Manifest, numerics: Numerics) -> None:
    """Prints one column per member: the SNR in dB of each stage relative to the mother."""
    most_first = sorted(numerics.members, key=lambda m: -len(m.stages))
    stages = []
    for name in dict.fromkeys(stage.name for member in most_first for stage in member.stages):
        shown = [next((s for s in member.stages if s.name == name), None) for member in numerics.members]
        cells = ("-" if s is None else tables.snr(s.agreement) + (" !" if s.reason else "") for s in shown)
        stages.append((tables.plain(name), *cells))
    unit = manifest.recorded.metric
    metrics = ("-" if member.metric is None else f"{member.metric:.2f}" for member in manifest.members)
    counts: tuple[tuple[str, ...], ...] = (
        ("folded layers", *(str(member.folded) for member in manifest.members)),
        ("not folded", *(str(len(member.refused)) for member in manifest.members)),
        (f"mother's {unit}", *metrics),
    )
    if (statistics := _statistics(manifest, numerics)) is not None:
        counts = (statistics, *counts)
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


def _statistics(manifest: Manifest, numerics: Numerics) -> tuple[str, ...] | None:
    """Returns the row that says where BatchNorm statistics are from. None: no checkpoint's statistics were kept."""
    cells = []
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        rules = [stage.name for stage in numbers.stages] + [refusal.rule for refusal in member.refused]
        if member.calibration_batches:
            cells.append(f"{member.calibration_batches} batches")
        else:
            cells.append("trained" if any(rule.startswith("fold_batchnorm") for rule in rules) else "-")
    return ("statistics", *cells) if "trained" in cells else None


def as_json(manifest: Manifest, numerics: Numerics) -> list[dict[str, Any]]:
    """Returns the members with their stages and artifacts, for `--json`."""
    members = []
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        entry = member.model_dump(mode="json")
        entry["macs_per_second"] = member.macs_per_second
        data = numbers.model_dump(mode="json")
        entry["stages"] = data["stages"]
        for artifact, stated in zip(entry["artifacts"], member.artifacts, strict=True):
            artifact["runs"] = [run for run in data["runs"] if run["artifact"] == stated.label]
        members.append(entry)
    return members


def _reasons(manifest: Manifest, numerics: Numerics) -> dict[str, str]:
    """Returns each reason why something did not pass, with the text that names the artifacts it applies to."""
    found: dict[str, list[str]] = {}
    for member in manifest.members:
        for artifact in member.artifacts:
            for attempt in artifact.attempts:
                reason = f"{attempt.reason}; {artifact.scheme} was used instead"
                found.setdefault(reason, []).append(f"{member.name}/{artifact.label} {attempt.scheme} was rejected")
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        for run in numbers.runs:
            if run.verdict != "passed":
                found.setdefault(run.reason, []).append(f"{member.name}/{run.artifact} {run.verdict}")
    return {reason: _first_of(labels) for reason, labels in found.items()}


def _by_documentation(numerics: Numerics) -> dict[str, str]:
    """Returns the operators whose semantics rest on documentation only, with the text that names their artifacts."""
    found: dict[str, list[str]] = {}
    for numbers in numerics.members:
        for run in numbers.runs:
            if run.by_documentation:
                found.setdefault(", ".join(run.by_documentation), []).append(f"{numbers.name}/{run.artifact}")
    return {names: _first_of(labels) for names, labels in found.items()}


def _first_of(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"
