"""Time calls side by side: contestants on the same core, called in turn, so that drift hits all alike.

Times are those of the process's CPU clock, over all of its threads, and of the wall. On a quiet machine they agree; on
a busy one the first still says what a call costs.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

SAMPLE_SECONDS = 0.001
"""Calls are timed together until they have taken this long; clocks are too coarse for one."""


@dataclass
class Timed:
    """What was measured of one contestant, microseconds a call: the median of each round's samples.

    Attributes:
        snr_db: How its outputs agree with the reference.
        failed: Why it has no times; empty where it has.
    """

    cpu_us: list[float] = field(default_factory=list)
    wall_us: list[float] = field(default_factory=list)
    snr_db: float = 0.0
    failed: str = ""


@dataclass(frozen=True)
class TimingPlan:
    """How to measure.

    Attributes:
        sittings: How often all contestants start anew: where its memory happens to lie makes a process some per cent
            faster or slower for as long as it lives.
        rounds: In each sitting, all of them in turn; one more comes first and is thrown away.
        seconds: Of each burst of calls.
        core: That all are pinned to.
        limit: Seconds for loading; some compile then.
    """

    sittings: int
    rounds: int
    seconds: float
    core: int
    limit: float


class Contestant(Protocol):
    """What is timed, in a process of its own."""

    timed: Timed

    def get_ready(self, limit: float) -> None:
        """Wait until it is loaded and its outputs are checked, for at most `limit` seconds."""

    def burst(self, seconds: float) -> None:
        """Call it for a while, and keep the medians."""

    def stop(self) -> None:
        """End its process."""


def time_in_turn(names: Iterable[str], start: Callable[[str], Contestant], plan: TimingPlan) -> dict[str, Timed]:
    """Each contestant's times; whoever failed in one sitting has none.

    Args:
        start: Starts the contestant of a name.
    """
    total = {name: Timed() for name in names}
    for _ in range(plan.sittings):
        running = [name for name, timed in total.items() if not timed.failed]
        for name, timed in _sitting(running, start, plan).items():
            whole = total[name]
            whole.cpu_us += timed.cpu_us
            whole.wall_us += timed.wall_us
            whole.snr_db, whole.failed = timed.snr_db, timed.failed
    return total


def _sitting(names: Iterable[str], start: Callable[[str], Contestant], plan: TimingPlan) -> dict[str, Timed]:
    contestants: dict[str, Contestant] = {}
    try:
        for name in names:
            contestants[name] = start(name)
        for each in contestants.values():
            each.get_ready(plan.limit)
        for _ in range(plan.rounds + 1):
            for each in contestants.values():
                each.burst(plan.seconds)
    finally:
        for each in contestants.values():
            each.stop()
    for each in contestants.values():
        del each.timed.cpu_us[:1], each.timed.wall_us[:1]
    return {name: each.timed for name, each in contestants.items()}


def pin(core: int) -> None:
    """Keep this process on one core; only Linux can."""
    with contextlib.suppress(AttributeError):
        os.sched_setaffinity(0, {core})


def calls_in_a_sample(call: Callable[[], object]) -> int:
    """How many calls take `SAMPLE_SECONDS`, roughly."""
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < 20 * SAMPLE_SECONDS:  # the first ones are slow
        call()
        calls += 1
    return max(1, calls // 20)


def burst(call: Callable[[], object], calls: int, seconds: float) -> tuple[list[float], list[float]]:
    """Microseconds a call, of the process's CPU clock and of the wall, one pair for each sample of `calls` calls."""
    cpu: list[float] = []
    wall: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not cpu:
        wall_start, cpu_start = time.perf_counter(), time.process_time()
        for _ in range(calls):
            call()
        cpu.append(1e6 * (time.process_time() - cpu_start) / calls)
        wall.append(1e6 * (time.perf_counter() - wall_start) / calls)
    return cpu, wall
