"""Times several contestants of this process in rounds on the same core, so that drift affects all of them equally.

Times are CPU time of the process, over all of its threads, and wall time. They agree on an idle machine. On a busy
machine, CPU time still measures the cost of a call.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from edge_export.bench.order import shuffled_rounds

SAMPLE_SECONDS = 0.001
"""The duration of the calls that are timed together. Clocks are too coarse for a single call."""


@dataclass
class Timed:
    """The measurements of one contestant.

    Attributes:
        cpu_us, wall_us: Microseconds a call: the median of each round's samples.
        snr_db: The SNR of its outputs against the reference.
        failed: The reason why it has no times; empty if it has times.
    """

    cpu_us: list[float] = field(default_factory=list)
    wall_us: list[float] = field(default_factory=list)
    snr_db: float = 0.0
    failed: str = ""


@dataclass(frozen=True)
class TimingPlan:
    """The settings of a measurement.

    Attributes:
        sittings: How often all contestants are started. The placement of its memory makes a process some per cent
            faster or slower for its whole life.
        rounds: The rounds of each sitting. A round calls all contestants in a random order. One more round comes
            first and is discarded.
        seconds: The duration of each burst of calls.
        core: The core to which all contestants are pinned.
        limit: The time limit for loading, in seconds. Some contestants compile while they load.
    """

    sittings: int
    rounds: int
    seconds: float
    core: int
    limit: float


class Contestant(Protocol):
    """A program that is timed in its own process."""

    timed: Timed

    def get_ready(self, limit: float) -> None:
        """Waits until it is loaded and its outputs are checked, for at most `limit` seconds."""

    def burst(self, seconds: float) -> None:
        """Calls it for `seconds` and stores the medians."""

    def stop(self) -> None:
        """Ends its process."""


def time_in_turn(names: Iterable[str], start: Callable[[str], Contestant], plan: TimingPlan) -> dict[str, Timed]:
    """Returns each contestant's times. A contestant that fails in one sitting has none in later sittings.

    Args:
        names: The contestants.
        start: Starts the contestant called so.
        plan: The settings.
    """
    total = {name: Timed() for name in names}
    for number in range(plan.sittings):
        running = [name for name, timed in total.items() if not timed.failed]
        for name, timed in _sitting(running, start, plan, number).items():
            whole = total[name]
            whole.cpu_us += timed.cpu_us
            whole.wall_us += timed.wall_us
            whole.snr_db, whole.failed = timed.snr_db, timed.failed
    return total


def _sitting(names: Iterable[str], start: Callable[[str], Contestant], plan: TimingPlan, seed: int) -> dict[str, Timed]:
    contestants: dict[str, Contestant] = {}
    try:
        for name in names:
            contestants[name] = start(name)
        for each in contestants.values():
            each.get_ready(plan.limit)
        for order in shuffled_rounds(list(contestants.values()), plan.rounds + 1, seed):
            for each in order:
                each.burst(plan.seconds)
    finally:
        for each in contestants.values():
            each.stop()
    for each in contestants.values():
        del each.timed.cpu_us[:1], each.timed.wall_us[:1]
    return {name: each.timed for name, each in contestants.items()}


def pin(core: int) -> None:
    """Pins this process to one core. Does nothing where the system cannot do that (only Linux can)."""
    with contextlib.suppress(AttributeError):
        os.sched_setaffinity(0, {core})


def calls_in_a_sample(call: Callable[[], object]) -> int:
    """Returns about how many calls take `SAMPLE_SECONDS`."""
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < 20 * SAMPLE_SECONDS:  # the first calls are slow
        call()
        calls += 1
    return max(1, calls // 20)


def burst(call: Callable[[], object], calls: int, seconds: float) -> tuple[list[float], list[float]]:
    """Calls `call` for `seconds`. Returns the CPU times and the wall times, in microseconds a call.

    Each sample is the mean of `calls` calls.
    """
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
