"""What the page says of members and files, as plain values: nothing here is HTML."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from edge_export.bundle.family import costs_of, gains_of
from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact, Member
from edge_export.bundle.numerics import LOCAL, ArtifactRun
from edge_export.bundle.perf import ArtifactPerf, Perf
from edge_export.report.costs import every_artifact
from edge_export.report.dots import Dots
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
    """One artifact in one runtime on one device. Numbers are None where there are none.

    Attributes:
        on_part: Whether `metric` and `lost` are of a part of the held-out set.
    """

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
    on_part: bool
    lost: float | None
    latency_ms: float | None
    reason: str

    @property
    def beginning(self) -> str:
        """The first words of a long reason. Empty: it is short."""
        head, _, _ = self.reason[:SHORT].rpartition(" ")
        return (head or self.reason[:SHORT]) if len(self.reason) > SHORT else ""


def tally(statuses: Iterable[str]) -> dict[str, int]:
    """Returns how often each status occurs, in a fixed order, without those that do not."""
    counts = Counter(statuses)
    return {status: counts[status] for status in STATUSES if counts[status]}


def glance(bundle: Bundle, perf: Perf) -> tuple[Relative, ...]:
    """Returns each member at a glance."""
    members = bundle.manifest.members
    costs, _ = costs_of(members)
    gains = gains_of(bundle.manifest)
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


def rows(bundle: Bundle, perf: Perf) -> tuple[Row, ...]:
    """Returns one row for each artifact, runtime and device, in the manifest's order."""
    return tuple(
        _row(member, artifact, run, perf)
        for member, artifact in every_artifact(bundle)
        for run in _runs(bundle, member, artifact)
    )


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
    for label in dict.fromkeys(artifact.label for _, artifact in every_artifact(bundle)):
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


def build_command(bundle: Bundle) -> str:
    """Returns a command that asks for the same family."""
    manifest = bundle.manifest
    words = ["edge_export", "build", "--target", manifest.target, "--mother", manifest.mother.spec]
    words += ["--members", ",".join(member.config for member in manifest.members)]
    return shlex.join([*words, "--out", bundle.root.name])


def _runs(bundle: Bundle, member: Member, artifact: Artifact) -> tuple[ArtifactRun, ...]:
    """Returns the runs of an artifact; one that was not run has a run that says so."""
    (numbers,) = (each for each in bundle.numerics.members if each.name == member.name)
    missing = ArtifactRun(
        artifact=artifact.label, runtime="none", device=LOCAL, verdict=artifact.status, reason=artifact.reason
    )
    return numbers.runs_of(artifact.label) or (missing,)


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
        on_part=run.on_part(member.metric),
        lost=metric.lost if metric else None,
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
