"""Plots of quality and cost: MACs, bytes, and latency on each device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from edge_export.bundle.consistent import MAX_NUMBER
from edge_export.bundle.family import costs_of
from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact, Member
from edge_export.bundle.perf import DevicePerf, Perf
from edge_export.report.plot import Point, Scatter
from edge_export.spec.units import count, milliseconds, size


@dataclass(frozen=True)
class Cost:
    """One plot of quality and cost, and what is to say about it."""

    heading: str
    plot: Scatter | None
    notes: tuple[str, ...] = ()


def cost_plots(bundle: Bundle, perf: Perf) -> tuple[Cost, ...]:
    """Returns the plots of quality against MACs, bytes, and latency on each device."""
    y_label = quality_label(bundle)
    members = bundle.manifest.members
    costs, unit = costs_of(members)
    points = tuple(
        Point(cost, member.metric, member.name, "", f"{count(round(cost))}, {member.metric:.2f}")
        for member, cost in zip(members, costs, strict=True)
        if member.metric is not None
    )
    plots = [_cost("MACs", unit, y_label, points, lambda value: count(round(value)))]
    points = tuple(
        Point(file.bytes, quality, member.name, artifact.label, f"{artifact.label}, {size(file.bytes)}")
        for member, artifact in every_artifact(bundle)
        if (file := artifact.file) and (quality := _quality(bundle, member, artifact.label)) is not None
    )
    plots.append(_cost("Bytes", "bytes of the file", y_label, points, lambda value: size(round(value))))
    return (*plots, *(_latency(bundle, device, y_label) for device in perf.devices))


def quality_label(bundle: Bundle) -> str:
    """Returns the label of an axis of quality, with its unit."""
    recorded = bundle.manifest.recorded
    return f"{recorded.metric}, {recorded.unit}" if recorded.unit else recorded.metric


def every_artifact(bundle: Bundle) -> Iterator[tuple[Member, Artifact]]:
    """Gives all artifacts with their members, in the manifest's order."""
    for member in bundle.manifest.members:
        for artifact in member.artifacts:
            yield member, artifact


def _quality(bundle: Bundle, member: Member, label: str) -> float | None:
    """Returns the mother's metric minus the most that the artifact lost in any run. None: one of both is not known.

    An artifact may have been run on a part of the held-out set: only its loss is comparable.
    """
    (numbers,) = (each for each in bundle.numerics.members if each.name == member.name)
    losses = [run.metric.lost for run in numbers.runs_of(label) if run.metric]
    return None if member.metric is None or not losses else member.metric - max(losses)


def _cost(heading: str, x_label: str, y_label: str, points: tuple[Point, ...], text: Callable[[float], str]) -> Cost:
    if not points:
        return Cost(heading, None, ("There is no held-out set with targets, so no quality is known.",))
    return Cost(heading, Scatter(f"Quality against {heading}", x_label, y_label, points, text))


def _latency(bundle: Bundle, measured: DevicePerf, y_label: str) -> Cost:
    heading = f"Latency on {measured.device}"
    if measured.facts.emulated:
        return Cost(heading, None, ("Its processor is emulated: its times are no latency.",))
    members = {member.name: member for member in bundle.manifest.members}
    points, noisy = [], []
    for each in measured.artifacts:
        if each.member not in members or each.latency is None:
            continue
        if (time := each.latency.median_ms) is None:
            noisy.append(f"{each.member}/{each.artifact}")
        elif time < MAX_NUMBER and (quality := _quality(bundle, members[each.member], each.artifact)) is not None:
            threads = f", {each.threads} threads" if each.threads > 1 else ""
            detail = f"{each.artifact}, {milliseconds(time)} ms{threads}"
            points.append(Point(time, quality, each.member, each.artifact + threads, detail))
    notes = []
    if noisy:
        notes.append(f"Noisy, so without a median: {', '.join(noisy)}.")
    if measured.indicative:
        notes.append("A farm's phone, which nobody waited for until it was cool and idle: a hint.")
    if not points:
        return Cost(heading, None, (*notes, "No file has both a median time and a known quality."))
    plot = Scatter(f"Quality against latency on {measured.device}", "median of a call, ms", y_label, tuple(points))
    return Cost(heading, plot, tuple(notes))
