"""What the page says of a bundle, as plain values: nothing here is HTML."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact, Member
from edge_export.bundle.numerics import LOCAL, ArtifactRun
from edge_export.bundle.perf import ArtifactPerf, DevicePerf, Perf
from edge_export.devices.table import KINDS
from edge_export.report.dots import Dots
from edge_export.report.plot import Point, Scatter
from edge_export.spec.units import count, milliseconds, size

STATUSES = ("passed", "failed", "unverified", "error")
SHORT = 56
"""The letters of a reason that are shown at once."""


@dataclass(frozen=True)
class Relative:
    """One member at a glance.

    Attributes:
        cost: Its MACs, a second of sound if all members stream.
        cost_percent, quality_percent: The lengths of its bars.
        side: The side of its square in the emblem, whose area is its share of the largest cost; in percent.
        metric: The mother's task metric at its configuration. Empty: there is no held-out set.
        smallest: The bytes of its smallest file. Empty: nothing compiled.
        tally: The number of its artifacts with each status.
    """

    name: str
    params: str
    cost: str
    cost_percent: float
    metric: str
    quality_percent: float
    side: float
    smallest: str
    latency: str
    tally: dict[str, int]


@dataclass(frozen=True)
class Row:
    """One artifact in one runtime on one device. Numbers are None where there are none."""

    member: str
    artifact: str
    scheme: str
    bytes: int | None
    device: str
    runtime: str
    status: str
    snr_db: float | None
    max_abs: float | None
    metric: float | None
    lost: float | None
    latency_ms: float | None
    reason: str

    @property
    def beginning(self) -> str:
        """The first words of a long reason. Empty: it is short."""
        head, _, _ = self.reason[:SHORT].rpartition(" ")
        return (head or self.reason[:SHORT]) if len(self.reason) > SHORT else ""


@dataclass(frozen=True)
class Place:
    """A device, and what was proven and timed there.

    Attributes:
        kind: What kind of device it is.
        facts: What it says of itself. Empty: nothing is known.
        tally: The number of runs with each verdict.
        worst_snr_db: The lowest SNR of its runs that passed.
        timed: How many artifacts were timed there.
        remarks: What to know about its times.
    """

    name: str
    kind: str
    facts: str
    runtimes: tuple[str, ...]
    tally: dict[str, int]
    worst_snr_db: float | None
    timed: int
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Cost:
    """One plot of quality and cost, and what is to say about it."""

    heading: str
    plot: Scatter | None
    notes: tuple[str, ...] = ()


def tally(statuses: Iterable[str]) -> dict[str, int]:
    """Returns how often each status occurs, in a fixed order, without those that do not."""
    counts = Counter(statuses)
    return {status: counts[status] for status in STATUSES if counts[status]}


def glance(bundle: Bundle, perf: Perf) -> tuple[Relative, ...]:
    """Returns each member at a glance."""
    members = bundle.manifest.members
    costs, _ = costs_of(members)
    start = bundle.manifest.recorded.baseline or 0.0
    gains = [0.0 if member.metric is None else max(0.0, member.metric - start) for member in members]
    most_cost, most_gain = max(*costs, 1.0), max(*gains, 1e-12)
    found = []
    for member, cost, gain in zip(members, costs, gains, strict=True):
        sizes = [artifact.file.bytes for artifact in member.artifacts if artifact.file]
        times = [
            (each.latency.median_ms, device.device)
            for device in perf.devices
            for each in device.artifacts
            if each.member == member.name and each.latency and each.latency.median_ms is not None
            if not device.facts.emulated
        ]
        fastest = min(times, default=None)
        found.append(
            Relative(
                name=member.name,
                params=count(member.params),
                cost=count(round(cost)),
                cost_percent=round(100 * cost / most_cost, 2),
                metric="" if member.metric is None else f"{member.metric:.2f}",
                quality_percent=round(100 * gain / most_gain, 2),
                side=round(100 * (cost / most_cost) ** 0.5, 2),
                smallest=size(min(sizes)) if sizes else "",
                latency=f"{milliseconds(fastest[0])} ms on {fastest[1]}" if fastest else "",
                tally=tally(artifact.status for artifact in member.artifacts),
            )
        )
    return tuple(found)


def costs_of(members: tuple[Member, ...]) -> tuple[list[float], str]:
    """Returns the MACs of each member and their unit: for a second of sound if all stream, else for a call."""
    rates = [member.macs_per_second for member in members if member.macs_per_second is not None]
    if len(rates) == len(members):
        return rates, "MACs a second of sound"
    return [float(member.macs) for member in members], "MACs a call"


def rows(bundle: Bundle, perf: Perf) -> tuple[Row, ...]:
    """Returns one row for each artifact, runtime and device, in the manifest's order."""
    return tuple(
        _row(member, artifact, run, perf)
        for member, artifact in _artifacts(bundle)
        for run in _runs(bundle, member, artifact)
    )


def places(bundle: Bundle, perf: Perf) -> tuple[Place, ...]:
    """Returns the devices that something was proven or timed on, this machine first."""
    runs = [run for member in bundle.numerics.members for run in member.runs]
    names = dict.fromkeys([LOCAL, *(run.device for run in runs), *(each.device for each in perf.devices)])
    return tuple(_place(name, [run for run in runs if run.device == name], perf.on(name)) for name in names)


def stage_rows(bundle: Bundle) -> tuple[Dots, ...]:
    """Returns the SNR of each stage of the members, in the order of the longest way."""
    members = bundle.numerics.members
    longest_first = sorted(members, key=lambda member: -len(member.stages))
    limits = {member.tolerance.snr_db for member in bundle.manifest.members}
    limit = limits.pop() if len(limits) == 1 else None
    return tuple(
        Dots(
            name,
            tuple(next((s.agreement.snr_db for s in member.stages if s.name == name), None) for member in members),
            limit,
        )
        for name in dict.fromkeys(stage.name for member in longest_first for stage in member.stages)
    )


def artifact_rows(bundle: Bundle) -> tuple[Dots, ...]:
    """Returns the SNR of each artifact: the lowest of all runtimes and devices."""
    members = bundle.manifest.members
    found = []
    for label in dict.fromkeys(artifact.label for _, artifact in _artifacts(bundle)):
        of_members = [next((a for a in member.artifacts if a.label == label), None) for member in members]
        limits = {artifact.tolerance.snr_db for artifact in of_members if artifact}
        values = tuple(
            min((run.agreement.snr_db for run in numbers.runs_of(label) if run.agreement), default=None)
            for numbers in bundle.numerics.members
        )
        if any(value is not None for value in values):
            found.append(Dots(label, values, limits.pop() if len(limits) == 1 else None))
    return tuple(found)


def deviations(bundle: Bundle) -> tuple[str, ...]:
    """Returns what exceeds its tolerance on the way to the members, and what was intended to differ."""
    found = []
    for member, numbers in zip(bundle.manifest.members, bundle.numerics.members, strict=True):
        found += [f"{member.name}, {stage.name}: {stage.reason}" for stage in numbers.stages if stage.reason]
        for run in numbers.runs:
            found += [f"{member.name}, {run.artifact}, {s.name}: {s.reason}" for s in run.stages if s.reason]
        if (variant := member.variant) is not None:
            found.append(f"{member.name}: {variant.name} costs an SNR of {variant.agreement.snr_db:.1f} dB, as asked")
    return tuple(found)


def quality_label(bundle: Bundle) -> str:
    """Returns the label of an axis of quality, with its unit."""
    recorded = bundle.manifest.recorded
    return f"{recorded.metric}, {recorded.unit}" if recorded.unit else recorded.metric


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
        for member, artifact in _artifacts(bundle)
        if (file := artifact.file) and (quality := _quality(bundle, member, artifact.label)) is not None
    )
    plots.append(_cost("Bytes", "bytes of the file", y_label, points, lambda value: size(round(value))))
    return (*plots, *(_latency(bundle, device, y_label) for device in perf.devices))


def build_command(bundle: Bundle) -> str:
    """Returns a command that asks for the same family."""
    manifest = bundle.manifest
    words = ["edge_export", "build", "--target", manifest.target, "--mother", manifest.mother.spec]
    words += ["--members", ",".join(member.config for member in manifest.members)]
    return shlex.join([*words, "--out", bundle.root.name])


def device_commands(bundle: Bundle, perf: Perf) -> tuple[str, ...]:
    """Returns the commands that prove and time on the devices of the bundle."""
    found = []
    for place in places(bundle, perf):
        if place.tally and place.name != LOCAL:
            found.append(shlex.join(["edge_export", "verify", bundle.root.name, "--device", place.name]))
        if place.timed:
            found.append(shlex.join(["edge_export", "bench", bundle.root.name, "--device", place.name]))
    return tuple(found)


def _artifacts(bundle: Bundle) -> Iterator[tuple[Member, Artifact]]:
    for member in bundle.manifest.members:
        for artifact in member.artifacts:
            yield member, artifact


def _runs(bundle: Bundle, member: Member, artifact: Artifact) -> tuple[ArtifactRun, ...]:
    """Returns the runs of an artifact; one that was not run has a run that says so."""
    (numbers,) = (each for each in bundle.numerics.members if each.name == member.name)
    missing = ArtifactRun(
        artifact=artifact.label, runtime="none", device=LOCAL, verdict=artifact.status, reason=artifact.reason
    )
    return numbers.runs_of(artifact.label) or (missing,)


def _quality(bundle: Bundle, member: Member, label: str) -> float | None:
    """Returns the mother's metric minus the most that the artifact lost in any run. None: one of both is not known.

    An artifact may have been run on a part of the held-out set: only its loss is comparable.
    """
    (numbers,) = (each for each in bundle.numerics.members if each.name == member.name)
    losses = [run.metric.mother - run.metric.artifact for run in numbers.runs_of(label) if run.metric]
    return None if member.metric is None or not losses else member.metric - max(losses)


def _row(member: Member, artifact: Artifact, run: ArtifactRun, perf: Perf) -> Row:
    metric, timed = run.metric, _timed(perf, member.name, run)
    return Row(
        member=member.name,
        artifact=artifact.label,
        scheme=artifact.scheme,
        bytes=artifact.file.bytes if artifact.file else None,
        device=run.device,
        runtime=run.runtime,
        status=run.verdict,
        snr_db=run.agreement.snr_db if run.agreement else None,
        max_abs=run.agreement.max_abs if run.agreement else None,
        metric=metric.artifact if metric else None,
        lost=round(metric.mother - metric.artifact, 2) + 0.0 if metric else None,  # never -0.00
        latency_ms=timed.latency.median_ms if timed and timed.latency else None,
        reason=run.reason,
    )


def _timed(perf: Perf, member: str, run: ArtifactRun) -> ArtifactPerf | None:
    """Returns the times in a run's runtime, with the fewest threads. None: that was not timed, or is emulated."""
    measured = perf.on(run.device)
    if measured is None or measured.facts.emulated:
        return None
    what = (member, run.artifact, _without_version(run.runtime))
    found = (
        each for each in measured.artifacts if (each.member, each.artifact, _without_version(each.runtime)) == what
    )
    return min(found, key=lambda each: each.threads, default=None)


def _without_version(runtime: str) -> str:
    return runtime.partition(" ")[0]


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
        elif (quality := _quality(bundle, members[each.member], each.artifact)) is not None:
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


def _place(name: str, runs: list[ArtifactRun], measured: DevicePerf | None) -> Place:
    kind = name.partition(":")[0]
    described = KINDS[kind].description if kind in KINDS else "a phone of a farm" if kind == "farm" else "a device"
    facts, remarks, timed = "", [], 0
    if measured is not None:
        about = measured.facts
        facts = ", ".join(filter(None, (about.model, about.soc, about.os)))
        timed = sum(each.latency is not None for each in measured.artifacts)
        if about.emulated:
            remarks.append("emulated: its times are no latency")
        if measured.indicative:
            remarks.append("its times are a hint: nobody waited until it was cool and idle")
    passed = [run.agreement.snr_db for run in runs if run.agreement and run.verdict == "passed"]
    return Place(
        name=name,
        kind=described,
        facts=facts,
        runtimes=tuple(dict.fromkeys(run.runtime for run in runs if run.runtime not in ("", "none"))),
        tally=tally(run.verdict for run in runs),
        worst_snr_db=min(passed, default=None),
        timed=timed,
        remarks=tuple(remarks),
    )
