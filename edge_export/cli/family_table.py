"""The table of a family: one row per artifact, the way from the mother in one more table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_export.cli import tables

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.family.manifest import Manifest
    from edge_export.family.numerics import Numerics


def print_artifacts(
    console: Console, manifest: Manifest, numerics: Numerics, seconds: dict[tuple[str, str], float] | None = None
) -> None:
    """One row per artifact, then the reason of each that did not pass."""
    from rich.table import Table

    table = Table(title=f"{manifest.mother.spec} for {manifest.target}", title_justify="left")
    table.add_column("member", no_wrap=True)
    names = ["params", "MACs", "artifact", "bytes", "status", "SNR dB", "max error", "top-1 kept"]
    names.append(manifest.recorded.metric)
    if seconds is not None:
        names += ["compile s", "verify s"]
    for name in names:
        table.add_column(name, no_wrap=True, justify="left" if name in ("artifact", "status") else "right")
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        for index, (artifact, run) in enumerate(zip(member.artifacts, numbers.runs, strict=True)):
            first = index == 0
            row = [
                member.name if first else "",
                tables.count(member.params) if first else "",
                tables.count(member.macs) if first else "",
                artifact.label,
                tables.size(artifact.file.bytes) if artifact.file else "-",
                tables.status(run.verdict),
                tables.snr(run.agreement),
                tables.max_abs(run.agreement),
                tables.share(run.agreement),
                tables.metric(run.metric),
            ]
            if seconds is not None:
                for step in ("compile", "verify"):
                    taken = seconds.get((member.name, f"{artifact.label} {step}"))
                    row.append("-" if taken is None else f"{taken:.1f}")
            table.add_row(*row, end_section=index == len(member.artifacts) - 1)
    console.print(table)
    if (baseline := manifest.recorded.baseline) is not None:
        console.print(f"{manifest.recorded.metric} of doing nothing: {baseline:.2f}")
    for reason, labels in _reasons(manifest, numerics).items():
        console.print(f"{labels}: {tables.plain(reason)}", soft_wrap=True)


def print_stages(console: Console, manifest: Manifest, numerics: Numerics) -> None:
    """One row per member: how each stage from the mother agrees with it, SNR in dB."""
    from rich.table import Table

    table = Table(title="stages, SNR in dB against the mother at the configuration", title_justify="left")
    table.add_column("member", no_wrap=True)
    most_first = sorted(numerics.members, key=lambda m: -len(m.stages))
    columns = list(dict.fromkeys(tables.plain(s.name) for m in most_first for s in m.stages))
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    unit = manifest.recorded.metric
    for column in ("folded", "kept", f"mother's {unit}"):
        table.add_column(column, justify="right", no_wrap=True)
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        shown = {tables.plain(s.name): s for s in numbers.stages}
        cells = [
            "-" if c not in shown else tables.snr(shown[c].agreement) + (" !" if shown[c].reason else "")
            for c in columns
        ]
        value = "-" if member.metric is None else f"{member.metric:.2f}"
        table.add_row(member.name, *cells, str(member.folded), str(len(member.refused)), value)
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
        for artifact, run in zip(entry["artifacts"], data["runs"], strict=True):
            artifact["run"] = run
        members.append(entry)
    return members


def _reasons(manifest: Manifest, numerics: Numerics) -> dict[str, str]:
    """Each reason of what did not pass, with the artifacts it holds for; one line where all share it."""
    found: dict[str, list[str]] = {}
    for member, numbers in zip(manifest.members, numerics.members, strict=True):
        for run in numbers.runs:
            if run.verdict != "passed":
                found.setdefault(run.reason, []).append(f"{member.name}/{run.artifact} {run.verdict}")
    return {
        reason: labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"
        for reason, labels in found.items()
    }
