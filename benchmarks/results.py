"""What was measured, as data: ratios within one run, and the goals they are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.machine import Machine

LEAST_TIMES_REAL_TIME = {"d1w1": 100.0, "d4w4": 20.0}
"""How many times faster than sound a separator has to be at one frame a call."""


@dataclass(frozen=True)
class Result:
    """One contestant in one case.

    Attributes:
        us: Microseconds a call on the CPU's clock, the median of each round.
        wall_us: The same on the wall's.
        file_bytes: Size of its file; 0 without one.
        failed: Why there are no times; empty if there are.
    """

    label: str
    ours: bool
    runtime: str
    us: list[float] = field(default_factory=list)
    wall_us: list[float] = field(default_factory=list)
    snr_db: float = 0.0
    file_bytes: int = 0
    convert_seconds: float = 0.0
    failed: str = ""

    @property
    def median_us(self) -> float:
        return median(self.us)


@dataclass(frozen=True)
class CaseResult:
    """All contestants in one case; `macs`, `params` and `call_ms` as in `cases.Built`."""

    name: str
    member: str
    streams: bool
    macs: int
    params: int
    call_ms: float
    contestants: dict[str, Result]

    def peers(self, runtime: str) -> list[Result]:
        """The others that ran there."""
        return [r for r in self.contestants.values() if not r.ours and r.runtime == runtime and not r.failed]

    def failures(self, runtime: str) -> list[Result]:
        """The others that did not."""
        return [r for r in self.contestants.values() if not r.ours and r.runtime == runtime and r.failed]


@dataclass(frozen=True)
class Goal:
    """A ratio that should be at most `limit`, or a speed that should be at least that.

    Attributes:
        measured: Median, lowest and highest of the rounds; None where there is nothing to compare with.
        met: None where there is nothing to compare with.
    """

    case: str
    text: str
    limit: float
    measured: tuple[float, float, float] | None
    met: bool | None


def ratio(ours: Sequence[float], peer: Sequence[float]) -> tuple[float, float, float]:
    """Median, lowest and highest of ours over the peer's, round by round."""
    each = [a / b for a, b in zip(ours, peer, strict=True)]
    return median(each), min(each), max(each)


def goals_of(case: CaseResult) -> list[Goal]:
    """The goals that a case is held against."""
    goals = []
    for result in case.contestants.values():
        if not result.ours or result.runtime == "onnxruntime" or result.failed:
            continue
        limit = 0.5 if case.streams else 1.0
        goals.append(_against(case, result, result.runtime, limit, "the best converter in the same runtime"))
        if case.streams:
            goals.append(_against(case, result, "onnxruntime", 1.0, "ONNX Runtime on the plain modules"))
        least = LEAST_TIMES_REAL_TIME.get(case.member)
        if least is not None and case.streams and case.name.endswith("-1"):
            speeds = sorted(1000.0 * case.call_ms / us for us in result.us)
            speed = (median(speeds), speeds[0], speeds[-1])
            goals.append(Goal(case.name, f"{result.label}: times real time", least, speed, speed[0] >= least))
    return goals


def _against(case: CaseResult, ours: Result, runtime: str, limit: float, whom: str) -> Goal:
    peers = case.peers(runtime)
    if not peers:
        why = "; ".join(r.failed for r in case.failures(runtime)) or "not measured"
        return Goal(case.name, f"{ours.label} / {whom} ({why})", limit, None, None)
    best = min(peers, key=lambda r: r.median_us)
    measured = ratio(ours.us, best.us)
    return Goal(case.name, f"{ours.label} / {whom} ({best.label})", limit, measured, measured[0] <= limit)


@dataclass(frozen=True)
class Run:
    """One run of the benchmark."""

    date: str
    machine: Machine
    versions: dict[str, str]
    sittings: int
    rounds: int
    seconds: float
    cases: list[CaseResult]
