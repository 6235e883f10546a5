"""Compares a run with an earlier one, both relative to a yardstick that ran in both.

Machines that run tests differ from day to day. So a time counts relative to that of the yardstick in the same run:

    change = (artifact / yardstick, now) / (artifact / yardstick, then)

An artifact is slower when the whole 95 % interval of the change lies above the limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Literal

from edge_export.bench.latency import SEED
from edge_export.bench.statistics import Rounds, interval_of, ratios, resampled_medians
from edge_export.bundle.perf import ArtifactPerf, DevicePerf, Interval, Latency
from edge_export.bundle.series import unpack
from edge_export.errors import RequestError

if TYPE_CHECKING:
    from edge_export.files.arrays import Array

Verdict = Literal["slower", "faster", "same", "unclear", "noisy", "failed", "new", "yardstick"]
Key = tuple[str, str, int]
"""Member, artifact, threads."""

ABSOLUTE = "none"
"""The name of the yardstick that compares times themselves."""


@dataclass(frozen=True)
class Change:
    """How the time of one artifact changed.

    Attributes:
        ratio: The change; 1.05 is 5 % slower. None: it can't be said.
        interval: Its 95 % interval.
        verdict: "slower" or "faster" if all of the interval lies beyond the limit; "same"; "unclear" if the change is
            beyond the limit, but not all of the interval; "noisy" if rounds disagreed in either run; "failed" if it
            ran before and not now; "new" if it did not run before; "yardstick" for the yardstick itself.
    """

    member: str
    artifact: str
    threads: int
    ratio: float | None
    interval: Interval | None
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """All changes, and the yardstick: "MEMBER/ARTIFACT", or "none"."""

    yardstick: str
    changes: tuple[Change, ...]

    @property
    def failures(self) -> tuple[Change, ...]:
        """What makes `bench --baseline` exit with 1."""
        return tuple(change for change in self.changes if change.verdict in ("slower", "failed"))


def compare(now: DevicePerf, then: DevicePerf, max_slowdown: float, yardstick: str | None = None) -> Comparison:
    """Returns the changes of all artifacts of `now`.

    Args:
        now, then: Both runs, on one device or on two of one kind.
        max_slowdown: The limit; 0.05 allows 5 %.
        yardstick: "MEMBER/ARTIFACT"; "none" compares the times themselves. None: the slowest artifact whose file and
            runtime are the same in both runs.

    Raises:
        RequestError: The yardstick was not measured in both runs, or there is none.
    """
    before = {each.key: each for each in then.artifacts}
    measure = None if yardstick == ABSOLUTE else _yardstick(now.artifacts, before, yardstick)
    changes = []
    for each in now.artifacts:
        old = before.get(each.key)
        if measure is not None and each.key == measure.key:
            changes.append(_change(each, "yardstick"))
        elif old is None or old.latency is None:
            changes.append(_change(each, "new"))
        elif each.latency is None:
            changes.append(_change(each, "failed"))
        elif each.latency.noisy or old.latency.noisy:
            changes.append(_change(each, "noisy"))
        else:
            base = None if measure is None else before[measure.key]
            changes.append(_judged(each, old, measure, base, max_slowdown))
    name = ABSOLUTE if measure is None else f"{measure.member}/{measure.artifact}"
    return Comparison(name, tuple(changes))


def _yardstick(now: Iterable[ArtifactPerf], before: dict[Key, ArtifactPerf], name: str | None) -> ArtifactPerf:
    both = [each for each in now if each.key in before and _steady(each) and _steady(before[each.key])]
    if name is not None:
        found = [each for each in both if f"{each.member}/{each.artifact}" == name]
        if not found:
            raise RequestError(f"--yardstick {name} has no steady time in both runs: give another MEMBER/ARTIFACT")
    else:
        found = [each for each in both if _same_file(each, before[each.key])]
        if not found:
            raise RequestError(
                "no file with a steady time is the same in both runs: give --yardstick MEMBER/ARTIFACT, "
                f"or --yardstick {ABSOLUTE} on an idle machine"
            )
    return max(found, key=lambda each: (median(_latency(each).round_median_ms), each.key))


def _same_file(a: ArtifactPerf, b: ArtifactPerf) -> bool:
    return (a.sha256, a.runtime) == (b.sha256, b.runtime)


def _steady(each: ArtifactPerf) -> bool:
    return each.latency is not None and not each.latency.noisy


def _judged(
    now: ArtifactPerf, then: ArtifactPerf, measure: ArtifactPerf | None, base: ArtifactPerf | None, limit: float
) -> Change:
    new, old = _relative(now, measure, SEED), _relative(then, base, SEED + 1)
    ratio, interval = new[0] / old[0], interval_of(new[1] / old[1])
    verdict: Verdict = "same"
    if interval.low > 1 + limit:
        verdict = "slower"
    elif interval.high < 1 / (1 + limit):
        verdict = "faster"
    elif not 1 / (1 + limit) <= ratio <= 1 + limit:
        verdict = "unclear"
    return _change(now, verdict, ratio, interval)


def _relative(each: ArtifactPerf, measure: ArtifactPerf | None, seed: int) -> tuple[float, Array]:
    """Returns the time relative to the yardstick, and its resamples.

    Raises:
        RequestError: The yardstick is of another run.
    """
    import numpy as np

    rounds = _rounds(_latency(each))
    if measure is None:
        return median(map(median, rounds)), np.median(resampled_medians([rounds], seed)[0], axis=-1)
    theirs = _rounds(_latency(measure))
    if measure.run != each.run or len(theirs) != len(rounds):
        raise RequestError(
            f"{each.member}/{each.artifact} and the yardstick {measure.member}/{measure.artifact} were not measured "
            "in one run: bench both together"
        )
    mine, its = resampled_medians([rounds, theirs], seed)
    middle = median(ratios([median(r) for r in rounds], [median(r) for r in theirs]))
    return middle, np.median(mine / its, axis=-1)


def _latency(each: ArtifactPerf) -> Latency:
    assert each.latency is not None
    return each.latency


def _rounds(latency: Latency) -> Rounds:
    return [_samples(each.samples) for each in latency.rounds]


def _samples(series: str) -> tuple[float, ...]:
    try:
        return unpack(series)
    except ValueError as error:
        raise RequestError(f"a perf.json holds what bench does not write: {error}; run bench again") from error


def _change(
    each: ArtifactPerf, verdict: Verdict, ratio: float | None = None, interval: Interval | None = None
) -> Change:
    return Change(each.member, each.artifact, each.threads, ratio, interval, verdict)
