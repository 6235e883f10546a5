"""The tables of two builds: what they were made from, members, artifacts, and times on each device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.changes import MAX_SLOWDOWN
from edge_export.cli import perf_table, tables
from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.changes import ArtifactChange, Change, Changes, Limits, MemberChange

NONE = "-"


def print_changes(console: Console, then: Path, now: Path, found: Changes, limits: Limits) -> None:
    """Prints what changed, and what is beyond the limits. What did not change is only counted."""
    console.print(tables.plain(f"{then} to {now}"))
    for fact in found.facts:
        console.print(tables.plain(f"{fact.name}: {fact.then}, now {fact.now}"))
    if members := changed_members(found):
        rows = tuple(_plain(member_cells(member)) for member in members)
        print_fitted(console, FittedTable("members", member_columns(found.metric), (rows,)))
    if sections := changed_artifacts(found):
        shown = tuple(tuple(map(_plain, rows)) for rows in sections)
        print_fitted(console, FittedTable("artifacts", artifact_columns(found.metric), shown))
    for device in found.devices:
        if device.comparison is None:
            console.print(tables.plain(f"times on {device.device} can't be compared: {device.reason}"))
        else:
            console.print(tables.plain(f"times on {device.device}"))
            limit = MAX_SLOWDOWN if limits.slowdown is None else limits.slowdown
            perf_table.print_changes(console, device.comparison, limit)
    for line in found.beyond:
        console.print(f"[bold red]{tables.plain(line)}[/bold red]")
    console.print(summary(found))


def member_columns(metric: str) -> tuple[Column, ...]:
    """Returns the columns of `member_cells`."""
    return (
        Column("member"),
        Column("change"),
        Column("MACs", right=True),
        Column("params", drop=3, right=True),
        Column("weights", drop=2, right=True),
        Column("activations", drop=1, right=True),
        Column(f"mother's {metric}", right=True),
    )


def artifact_columns(metric: str) -> tuple[Column, ...]:
    """Returns the columns of a member's name and `artifact_cells`."""
    return (
        Column("member"),
        Column("artifact"),
        Column("bytes", right=True),
        Column(metric, right=True),
        Column("SNR dB", drop=1, right=True),
        Column("verdict"),
    )


def changed_members(found: Changes) -> list[MemberChange]:
    """Returns the members that are not the same, whatever their artifacts are."""
    return [member for member in found.members if not _is_same(member)]


def _is_same(member: MemberChange) -> bool:
    counts = (member.macs, member.params, member.weight_bytes, member.peak_activation_bytes, member.metric)
    same = all(each.both is None or each.then == each.now for each in counts)
    return member.state in ("same", "changed") and same and not member.reason


def changed_artifacts(found: Changes) -> list[list[tuple[str, ...]]]:
    """Returns a row for each artifact that is not the same, in a section for each member, as plain text."""
    sections = []
    for member in found.members:
        rows = [artifact_cells(artifact) for artifact in member.artifacts if artifact.state != "same"]
        sections.append([("" if index else member.member, *row) for index, row in enumerate(rows)])
    return [rows for rows in sections if rows]


def member_cells(member: MemberChange) -> tuple[str, ...]:
    """Returns name, state, and what it costs and scores, as plain text."""
    return (
        member.member,
        "not made" if member.reason else member.state,
        moved(member.macs, tables.count),
        moved(member.params, tables.count),
        moved(member.weight_bytes, tables.size),
        moved(member.peak_activation_bytes, tables.size),
        lost(member.metric),
    )


def artifact_cells(artifact: ArtifactChange) -> tuple[str, ...]:
    """Returns label, bytes, metric, SNR and verdict, as plain text."""
    return (
        artifact.artifact,
        moved(artifact.bytes, tables.size),
        lost(artifact.metric),
        lost(artifact.snr_db, 1),
        _verdict(artifact),
    )


def _verdict(artifact: ArtifactChange) -> str:
    then, now = artifact.status.then, artifact.status.now
    if now is None:
        return "removed"
    if then is None:
        return f"{now}, added"
    return now if then == now else f"{then} → {now}"


def moved(change: Change[int], shown: Callable[[int], str]) -> str:
    """Returns the number now with its change in percent, or the only one that is known."""
    value = change.then if change.now is None else change.now
    if value is None:
        return NONE
    if not change.both or change.then == change.now or not change.then or change.now is None:
        return shown(value)
    return f"{shown(value)} {100 * (change.now / change.then - 1):+.1f} %"


def lost(change: Change[float], digits: int = 2) -> str:
    """Returns the number now with its difference, or the only one that is known."""
    value = change.then if change.now is None else change.now
    if value is None:
        return NONE
    if change.then is None or change.now is None or round(change.now - change.then, digits) == 0:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} {change.now - change.then:+.{digits}f}"


def summary(found: Changes) -> str:
    """Returns one line: how much is the same, and how much is beyond the limits."""
    artifacts = [artifact for member in found.members for artifact in member.artifacts]
    counts = {state: sum(each.state == state for each in artifacts) for state in ("changed", "added", "removed")}
    parts = [f"{count} {state}" for state, count in counts.items() if count]
    changed = ", ".join(parts) if parts else "none changed"
    beyond = f"{len(found.beyond)} beyond the limits" if found.beyond else "nothing beyond the limits"
    return f"{tables.several(len(artifacts), 'artifact')}, {changed}; {beyond}"


def _plain(cells: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(tables.plain, cells))
