"""What changed between two builds of a family, and which changes are beyond the limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from edge_export.bench import baseline
from edge_export.bundle.consistent import require_consistent
from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact, Member, Status
from edge_export.bundle.numerics import MemberNumerics
from edge_export.bundle.perf import DevicePerf, read_perf
from edge_export.errors import RequestError, one_line

State = Literal["added", "removed", "changed", "same"]

MAX_SLOWDOWN = 0.05
"""From where on a time is told as slower or faster, where no limit is given."""


@dataclass(frozen=True)
class Limits:
    """What may change at most. None: any change.

    Attributes:
        growth: By which share of its bytes a file may grow; 0.02 allows 2 %.
        loss: How much of the task's metric a file may lose, in the metric's unit.
        slowdown: By which share the time of a file may grow; 0.05 allows 5 %.
    """

    growth: float | None = None
    loss: float | None = None
    slowdown: float | None = None


@dataclass(frozen=True)
class Change[Value]:
    """A value in both bundles. None: it is not there, or not known."""

    then: Value | None
    now: Value | None

    @property
    def both(self) -> tuple[Value, Value] | None:
        """Both values. None: one is not known."""
        return None if self.then is None or self.now is None else (self.then, self.now)


@dataclass(frozen=True)
class Fact:
    """What both bundles were built from or with, where it differs."""

    name: str
    then: str
    now: str


@dataclass(frozen=True)
class ArtifactChange:
    """How one artifact changed.

    Attributes:
        state: "same" if its file, its verdict and its numbers are the same.
        metric: Its task metric on the held-out set: the lowest of all runtimes and devices.
        snr_db: Its SNR in dB relative to the mother: the lowest of all runtimes and devices.
        reason: The reason of the verdict now. Empty: it passed, or was removed.
        beyond: What is beyond the limits, in words.
    """

    artifact: str
    state: State
    bytes: Change[int]
    status: Change[Status]
    metric: Change[float]
    snr_db: Change[float]
    reason: str
    beyond: tuple[str, ...]


@dataclass(frozen=True)
class MemberChange:
    """How one member changed.

    Attributes:
        state: "same" if its numbers and all its artifacts are the same.
        metric: The mother's task metric at its configuration.
        reason: Why it could not be made now. Empty: it was made, or not asked for, or could not be made then, either.
    """

    member: str
    state: State
    params: Change[int]
    macs: Change[int]
    weight_bytes: Change[int]
    peak_activation_bytes: Change[int]
    metric: Change[float]
    reason: str
    artifacts: tuple[ArtifactChange, ...]


@dataclass(frozen=True)
class DeviceChange:
    """How the times on one device changed. `comparison` is None if they can't be compared; `reason` says why."""

    device: str
    comparison: baseline.Comparison | None
    reason: str


@dataclass(frozen=True)
class Changes:
    """All changes.

    Attributes:
        metric: The name of the task metric. Both bundles have the same.
        beyond: What got worse than allowed, one line for each: verdicts always, numbers beyond their limits.
    """

    facts: tuple[Fact, ...]
    metric: str
    members: tuple[MemberChange, ...]
    devices: tuple[DeviceChange, ...]
    beyond: tuple[str, ...]


def compare_builds(then: Bundle, now: Bundle, limits: Limits, yardstick: str | None = None) -> Changes:
    """Returns what changed from the bundle `then` to the bundle `now`.

    Args:
        yardstick: What times count relative to, as `bench.baseline.compare` has it.

    Raises:
        RequestError: A bundle holds what `build` and `bench` do not write, their metrics are not the same, or the
            limit of times can't be judged.
    """
    for bundle in (then, now):
        require_consistent(bundle)
    metrics = [bundle.manifest.recorded.metric for bundle in (then, now)]
    if metrics[0] != metrics[1]:
        raise RequestError(
            f"{then.root} is measured in {metrics[0]}, {now.root} in {metrics[1]}: give two builds of one task"
        )
    old, new = ({member.name: member for member in bundle.manifest.members} for bundle in (then, now))
    numbers = [{each.name: each for each in bundle.numerics.members} for bundle in (then, now)]
    before = {each.name for each in then.manifest.errors}
    failed = {each.name: one_line(each.reason) for each in now.manifest.errors if each.name not in before}
    members = tuple(
        _member(
            name,
            (old.get(name), new.get(name)),
            (numbers[0].get(name), numbers[1].get(name)),
            limits,
            failed.get(name, ""),
        )
        for name in dict.fromkeys((*old, *new, *failed))
    )
    devices = tuple(_devices(then, now, limits.slowdown, yardstick))
    return Changes(tuple(_facts(then, now)), metrics[1], members, devices, tuple(_beyond(members, devices, limits)))


def _facts(then: Bundle, now: Bundle) -> Iterator[Fact]:
    old, new = _origin(then), _origin(now)
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield Fact(name, old.get(name, "none"), new.get(name, "none"))


def _origin(bundle: Bundle) -> dict[str, str]:
    manifest = bundle.manifest
    weights, held_out = manifest.mother.checkpoint_sha256, manifest.recorded.held_out
    return {
        "target": manifest.target,
        "mother": one_line(manifest.mother.spec),
        "mother's weights": "its factory's own" if weights is None else weights[:12],
        "held-out set": "none" if held_out is None else held_out.sha256[:12],
        **{tool: one_line(version) for tool, version in manifest.tools.items()},
    }


def _member(
    name: str,
    members: tuple[Member | None, Member | None],
    numbers: tuple[MemberNumerics | None, MemberNumerics | None],
    limits: Limits,
    reason: str,
) -> MemberChange:
    then, now = members
    old, new = ({each.label: each for each in member.artifacts} if member else {} for member in members)
    artifacts = tuple(
        _artifact(label, (old.get(label), new.get(label)), numbers, limits) for label in dict.fromkeys((*old, *new))
    )
    counts = {
        field: Change(getattr(then, field, None), getattr(now, field, None))
        for field in ("params", "macs", "weight_bytes", "peak_activation_bytes", "metric")
    }
    same = all(each.state == "same" for each in artifacts) and all(
        each.both is None or each.then == each.now for each in counts.values()
    )
    return MemberChange(name, _state(then, now, same), **counts, reason=reason, artifacts=artifacts)


def _artifact(
    label: str,
    artifacts: tuple[Artifact | None, Artifact | None],
    numbers: tuple[MemberNumerics | None, MemberNumerics | None],
    limits: Limits,
) -> ArtifactChange:
    then, now = artifacts
    old, new = (each.file if each else None for each in artifacts)
    size = Change(old.bytes if old else None, new.bytes if new else None)
    status = Change[Status](then.status if then else None, now.status if now else None)
    metric, snr_db = (Change(*(lowest(each, label) for each in numbers)) for lowest in (_metric, _snr_db))
    same_file = (old and old.sha256) == (new and new.sha256)
    same = same_file and all(change.then == change.now for change in (size, status, metric, snr_db))
    return ArtifactChange(
        artifact=label,
        state=_state(then, now, same),
        bytes=size,
        status=status,
        metric=metric,
        snr_db=snr_db,
        reason=one_line(now.reason) if now and now.status != "passed" else "",
        beyond=tuple(_too_much(size, metric, status, limits)),
    )


def _state(then: object, now: object, same: bool) -> State:
    if now is None:
        return "removed"
    if then is None:
        return "added"
    return "same" if same else "changed"


def _metric(numbers: MemberNumerics | None, label: str) -> float | None:
    runs = () if numbers is None else numbers.runs_of(label)
    return min((run.metric.artifact for run in runs if run.metric), default=None)


def _snr_db(numbers: MemberNumerics | None, label: str) -> float | None:
    runs = () if numbers is None else numbers.runs_of(label)
    return min((run.agreement.snr_db for run in runs if run.agreement), default=None)


def _too_much(size: Change[int], metric: Change[float], status: Change[Status], limits: Limits) -> Iterator[str]:
    if status.then == "passed" and status.now not in ("passed", None):
        yield f"it passed and is {status.now} now"
    if limits.growth is not None and (sizes := size.both) and sizes[1] > sizes[0] * (1 + limits.growth):
        yield f"it grew from {sizes[0]} to {sizes[1]} bytes, more than {100 * limits.growth:.3g} %"
    # Rounded, so that 11.26 - 11.16 is not above 0.1.
    if limits.loss is not None and (scores := metric.both) and round(scores[0] - scores[1], 9) > limits.loss:
        yield f"it fell from {scores[0]:.4g} to {scores[1]:.4g}, by more than {limits.loss:g}"


def _devices(then: Bundle, now: Bundle, limit: float | None, yardstick: str | None) -> Iterator[DeviceChange]:
    old, new = read_perf(then), read_perf(now)
    pairs = [(before, after) for after in new.devices if (before := old.on(after.device)) is not None]
    if limit is not None and not pairs:
        raise RequestError(
            f"{then.root} and {now.root} have no times of one device, so that no slowdown can be judged: run bench on "
            "both, or leave out --max-slowdown"
        )
    for before, after in pairs:
        yield _device(before, after, limit, yardstick)


def _device(then: DevicePerf, now: DevicePerf, limit: float | None, yardstick: str | None) -> DeviceChange:
    try:
        compared = baseline.compare(now, then, MAX_SLOWDOWN if limit is None else limit, yardstick)
    except RequestError as error:
        if limit is not None:
            raise RequestError(f"{now.device}: {error}") from error
        return DeviceChange(now.device, None, str(error))
    return DeviceChange(now.device, compared, "")


def _beyond(members: Iterable[MemberChange], devices: Iterable[DeviceChange], limits: Limits) -> Iterator[str]:
    for member in members:
        if member.reason:
            yield f"{member.member} could not be made: {member.reason}"
        for artifact in member.artifacts:
            for problem in artifact.beyond:
                yield f"{member.member}/{artifact.artifact}: {problem}"
    if limits.slowdown is None:
        return
    for device in devices:
        for change in device.comparison.failures if device.comparison else ():
            by = "" if change.ratio is None else f" by {100 * (change.ratio - 1):.1f} %"
            yield f"{change.member}/{change.artifact}: {change.verdict}{by} on {device.device}"
