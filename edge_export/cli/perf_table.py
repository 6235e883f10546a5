"""The tables of a bench: the times of all artifacts on one device, and how they changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edge_export.cli import tables
from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from edge_export.bench.baseline import Comparison
    from edge_export.bundle.perf import ArtifactPerf, DevicePerf, Latency
    from edge_export.spec.device import DeviceState

STYLES = {
    "noisy": "yellow",
    "unclear": "yellow",
    "unsupported": "yellow",
    "slower": "bold red",
    "failed": "bold red",
    "faster": "green",
}
NONE = "-"
CHANGE_COLUMNS = (
    Column("member"),
    Column("artifact"),
    Column("threads", drop=1, right=True),
    Column("change", right=True),
    Column("95 % interval", right=True),
    Column("verdict"),
)


def print_perf(console: Console, found: DevicePerf) -> None:
    """Prints one row per artifact, then why some have no times, and what the device says of itself."""
    print_fitted(console, _times(found))
    for each in found.artifacts:
        if each.latency is not None and each.latency.noisy:
            medians = ", ".join(map(tables.milliseconds, each.latency.round_median_ms))
            line = f"noisy: its rounds differ by {each.latency.spread:.0%}: {medians} ms"
            console.print(tables.plain(f"{each.member}/{each.artifact} {line}"))
        if each.latency is not None and (warm := _warm_rounds(each.latency)):
            line = f"{warm} of {len(each.latency.rounds)} rounds began before the device had cooled down"
            console.print(tables.plain(f"{each.member}/{each.artifact}: {line}"))
    for (outcome, reason), names in _reasons(found.artifacts).items():
        console.print(tables.plain(f"{', '.join(names)} {outcome}: {reason}"))
    facts = found.facts
    about = ", ".join(part for part in (facts.model, facts.soc or facts.arch, facts.os) if part)
    shared = "; a shared phone: its times are a hint" if found.indicative else ""
    console.print(tables.plain(f"{found.device}: {about}{shared}"))
    if (before := facts.before) and (states := _states(before, facts.after)):
        console.print(tables.plain(states))


def print_changes(console: Console, comparison: Comparison, limit: float) -> None:
    """Prints one row per artifact, then the verdict. `limit`: the largest slowdown, as a share."""
    against = "" if comparison.yardstick == "none" else f", relative to {comparison.yardstick}"
    title = tables.plain(f"change since the baseline{against}")
    rows = (
        (member, (*map(tables.plain, cells), _styled(verdict))) for member, *cells, verdict in change_rows(comparison)
    )
    print_fitted(console, FittedTable(title, CHANGE_COLUMNS, _sections(rows)))
    slower = [f"{change.member}/{change.artifact}" for change in comparison.failures]
    failure = f"slower by more than {100 * limit:.3g} %, or failed: {', '.join(slower)}"
    ending = failure if slower else "nothing is slower"
    unjudged = sum(change.verdict in ("unclear", "noisy") for change in comparison.changes)
    more = f"; {unjudged} can't be judged: take more --rounds, on an idle machine" if unjudged else ""
    console.print(tables.plain(ending + more))


def change_rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """Yields a row of `CHANGE_COLUMNS` for each artifact, as plain text."""
    for change in comparison.changes:
        interval = change.interval
        between = NONE if interval is None else f"{_percent(interval.low)} to {_percent(interval.high)}"
        ratio = NONE if change.ratio is None else _percent(change.ratio)
        yield (change.member, change.artifact, str(change.threads), ratio, between, change.verdict)


def comparison_as_json(comparison: Comparison) -> dict[str, Any]:
    """Returns the changes, for `--json`."""
    changes = [
        {
            "member": change.member,
            "artifact": change.artifact,
            "threads": change.threads,
            "ratio": change.ratio,
            "interval": change.interval and change.interval.model_dump(),
            "verdict": change.verdict,
        }
        for change in comparison.changes
    ]
    return {"yardstick": comparison.yardstick, "changes": changes}


def _times(found: DevicePerf) -> FittedTable:
    columns = (
        Column("member"),
        Column("artifact"),
        Column("median ms", right=True),
        Column("95 % interval", drop=7, right=True),
        Column("p90", drop=6, right=True),
        Column("p99", drop=4, right=True),
        Column("worst", drop=9, right=True),
        Column("× real time", drop=8, right=True),
        Column("load", drop=3, right=True),
        Column("first", drop=5, right=True),
        Column("memory", drop=10, right=True),
        Column("threads", drop=1, right=True),
        Column("runtime", drop=2),
    )
    title = "an emulator's times, which are no latency" if found.facts.emulated else ""
    sections = _sections((each.member, _time_cells(each)) for each in found.artifacts)
    streams = any(each.latency and each.latency.worst_real_time_factor is not None for each in found.artifacts)
    if streams:
        return FittedTable(title, columns, sections)
    at = [column.header for column in columns].index("× real time")
    kept = tuple(tuple(row[:at] + row[at + 1 :] for row in rows) for rows in sections)
    return FittedTable(title, columns[:at] + columns[at + 1 :], kept)


def _time_cells(each: ArtifactPerf) -> tuple[str, ...]:
    times = (_styled(each.outcome),) + (NONE,) * 7 if each.latency is None else _latency_cells(each.latency)
    memory = NONE if each.peak_memory_bytes is None else tables.size(each.peak_memory_bytes)
    return (tables.plain(each.artifact), *times, memory, str(each.threads), tables.plain(each.runtime))


def _latency_cells(latency: Latency) -> tuple[str, ...]:
    interval, factor = latency.interval, latency.real_time_factor
    between = NONE if interval is None else " to ".join(map(tables.milliseconds, (interval.low, interval.high)))
    return (
        _styled("noisy") if latency.median_ms is None else tables.milliseconds(latency.median_ms),
        between,
        _ms(latency.p90_ms),
        _ms(latency.p99_ms),
        tables.milliseconds(latency.worst_ms),
        NONE if factor is None else f"{factor:#.3g}",
        tables.milliseconds(latency.load_ms),
        tables.milliseconds(latency.first_ms),
    )


def _sections(rows: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """Returns a section for each member of (member, cells), with its name in the first row."""
    sections: dict[str, list[tuple[str, ...]]] = {}
    for member, cells in rows:
        section = sections.setdefault(member, [])
        section.append(("" if section else tables.plain(member), *cells))
    return tuple(tuple(section) for section in sections.values())


def _reasons(artifacts: Iterable[ArtifactPerf]) -> dict[tuple[str, str], list[str]]:
    """Returns the artifacts that have a reason, by outcome and reason."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for each in artifacts:
        if each.reason:
            reasons.setdefault((each.outcome, each.reason), []).append(f"{each.member}/{each.artifact}")
    return reasons


def _warm_rounds(latency: Latency) -> int:
    return sum(each.before is not None and each.before.cooled is False for each in latency.rounds)


def _states(before: DeviceState, after: DeviceState | None) -> str:
    """Returns what may have slowed the device down, before and after. Empty: it does not say."""
    parts = []
    for name, unit, values in (
        ("temperature", " °C", (before.temperature_c, after and after.temperature_c)),
        ("thermal status", "", (before.thermal_status, after and after.thermal_status)),
        ("battery", " %", (before.battery_percent, after and after.battery_percent)),
        ("load", "", (before.load, after and after.load)),
    ):
        known = [f"{value:.3g}" for value in values if value is not None]
        if known:
            parts.append(f"{name} {' → '.join(known)}{unit}")
    if governors := sorted(set(before.governors)):
        parts.append(f"governor {', '.join(governors)}")
    return ", ".join(parts)


def _styled(word: str) -> str:
    style = STYLES.get(word)
    return f"[{style}]{word}[/{style}]" if style else word


def _ms(value: float | None) -> str:
    return NONE if value is None else tables.milliseconds(value)


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):+.1f} %"
