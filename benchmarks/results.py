"""What was measured, as data: ratios within one run, and the goals they are held against."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.machine import Machine
from edge_export.bench.statistics import ratios

MIN_TIMES_REAL_TIME = {"d1w1": 100.0, "d4w4": 20.0}
"""How many times faster than sound a separator has to be at one frame a call."""
CONVERTERS = {"executorch": "executorch", "litert": "onnx2tf"}
"""The converter behind our own files of each runtime: separators are to take half of what it gives by itself."""


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
        """The others of that runtime."""
        return [r for r in self.contestants.values() if not r.ours and r.runtime == runtime]


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
    each = ratios(ours, peer)
    return median(each), min(each), max(each)


def goals_of(case: CaseResult) -> list[Goal]:
    """The goals that a case is held against."""
    return [
        goal
        for result in case.contestants.values()
        if result.ours and result.runtime in CONVERTERS and not result.failed
        for goal in (_goals_of_a_stream if case.streams else _goals_of_a_picture)(case, result)
    ]


def _goals_of_a_stream(case: CaseResult, ours: Result) -> Iterator[Goal]:
    converter = case.contestants.get(CONVERTERS[ours.runtime])
    yield _against(case, ours, [converter] if converter else [], 0.5)
    if others := [r for r in case.peers(ours.runtime) if r is not converter]:
        yield _against(case, ours, others, 1.0)
    yield _against(case, ours, case.peers("onnxruntime"), 1.0)
    least = MIN_TIMES_REAL_TIME.get(case.member)
    if least is not None and case.name.endswith("-1"):
        speeds = sorted(1000.0 * case.call_ms / us for us in ours.us)
        speed = (median(speeds), speeds[0], speeds[-1])
        yield Goal(case.name, f"{ours.label}: times real time", least, speed, speed[0] >= least)


def _goals_of_a_picture(case: CaseResult, ours: Result) -> Iterator[Goal]:
    yield _against(case, ours, case.peers(ours.runtime), 1.0)


def _against(case: CaseResult, ours: Result, peers: Sequence[Result], limit: float) -> Goal:
    """Against the fastest of `peers`."""
    measured = [peer for peer in peers if not peer.failed]
    if not measured:
        why = "; ".join(f"{peer.label} {peer.failed}" for peer in peers) or "nobody else"
        return Goal(case.name, f"{ours.label} / {why}", limit, None, None)
    best = min(measured, key=lambda peer: peer.median_us)
    found = ratio(ours.us, best.us)
    return Goal(case.name, f"{ours.label} / {best.label}", limit, found, found[0] <= limit)


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
