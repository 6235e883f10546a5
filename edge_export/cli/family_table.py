"""The table of a family: one row per artifact, the way from the mother in one more table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_export.cli import tables

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.bundle.manifest import Manifest
    from edge_export.bundle.numerics import ArtifactRun, Numerics


COLUMNS = ("member", "params", "MACs", "artifact", "scheme", "bytes", "runtime", "status", "SNR dB", "max error")
LEFT = ("member", "artifact", "scheme", "runtime", "status")


def print_artifacts(
    console: Console,
    manifest: Manifest,
    numerics: Numerics,
    seconds: dict[tuple[str, str], float | None] | None = None,
) -> None:
    """One row per artifact and runtime, then the reason of each that did not pass."""
    from rich.table import Table

    table = Table(title=f"{manifest.mother.spec} for {manifest.target}", title_justify="left")
    names = [*COLUMNS, manifest.recorded.metric, "lost"] + ["seconds"] * (seconds is not None)
    for name in names:
        table.add_column(name, no_wrap=True, justify="left" if name in LEFT else "right")
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        head = [member.name, tables.count(member.params), tables.count(member.macs)]
        for artifact in member.artifacts:
            size = tables.size(artifact.file.bytes) if artifact.file else "-"
            about = [artifact.label, artifact.scheme, size]
            for run in numbers.runs_of(artifact.label):
                taken = [] if seconds is None else [_taken(seconds, member.name, run)]
                table.add_row(*head, *about, *_numbers(run), *taken)
                head, about = [""] * len(head), [""] * len(about)
        table.add_section()
    console.print(table)
    if (baseline := manifest.recorded.baseline) is not None:
        console.print(f"{manifest.recorded.metric} of doing nothing: {baseline:.2f}")
    for reason, labels in _reasons(manifest, numerics).items():
        console.print(f"{labels}: {tables.plain(reason)}", soft_wrap=True)


def _numbers(run: ArtifactRun) -> list[str]:
    metric = run.metric
    return [
        run.runtime,
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
    from rich.table import Table

    table = Table(title="stages, SNR in dB against the mother at the configuration", title_justify="left")
    table.add_column("stage", no_wrap=True)
    for member in manifest.members:
        table.add_column(member.name, justify="right", no_wrap=True)
    most_first = sorted(numerics.members, key=lambda m: -len(m.stages))
    for name in dict.fromkeys(stage.name for member in most_first for stage in member.stages):
        shown = [next((s for s in member.stages if s.name == name), None) for member in numerics.members]
        cells = ["-" if s is None else tables.snr(s.agreement) + (" !" if s.reason else "") for s in shown]
        table.add_row(tables.plain(name), *cells)
    table.add_section()
    table.add_row("folded layers", *(str(member.folded) for member in manifest.members))
    table.add_row("kept, with a reason", *(str(len(member.refused)) for member in manifest.members))
    unit = manifest.recorded.metric
    metrics = ("-" if member.metric is None else f"{member.metric:.2f}" for member in manifest.members)
    table.add_row(f"mother's {tables.plain(unit)}", *metrics)
    console.print(table)
    for member in manifest.members:
        if (variant := member.variant) is not None:
            lost = (
                ""
                if variant.metric_without is None or member.metric is None
                else (f", {unit} {member.metric:.2f} instead of {variant.metric_without:.2f}")
            )
            costs = f"{member.name}: {variant.name} costs SNR {variant.agreement.snr_db:.1f} dB{lost}"
            console.print(tables.plain(costs), soft_wrap=True)


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
