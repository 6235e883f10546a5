"""Time contestants side by side: each waits in a process of its own, on the same core, and they are called in turn.

    python -m benchmarks.measuring CASE CONTESTANT FOLDER FILE CORE           is such a process

It says on standard output, in JSON, that it is ready, and answers each line "SECONDS" with the times of one burst.
Times are those of the process's CPU clock, over all of its threads, and of the wall: on a quiet machine they agree, on
a busy one the first still says what a call costs, and a runtime that used more threads than one would pay for them.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TextIO

from benchmarks.conversion import ROOT
from edge_export.errors import one_line

MIN_SNR_DB = 80.0
"""A file whose outputs are further than this from the network's is not measured."""
SAMPLE_SECONDS = 0.001
"""Calls are timed together until they have taken this long; clocks are too coarse for one."""


@dataclass
class Timed:
    """What was measured of one contestant, microseconds a call: the median of each round's samples."""

    cpu_us: list[float] = field(default_factory=list)
    wall_us: list[float] = field(default_factory=list)
    snr_db: float = 0.0
    failed: str = ""


class Waiting:
    """A contestant in its process."""

    def __init__(self, case: str, contestant: str, folder: Path, path: Path | None, core: int) -> None:
        command = [sys.executable, "-m", "benchmarks.measuring", case, contestant, str(folder), str(path), str(core)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.timed = Timed()

    def get_ready(self, limit: float) -> None:
        """Wait until it is loaded and its outputs are checked, for at most `limit` seconds."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], limit)[0]:
            self._process.kill()
            self.timed.failed = f"was not ready in {limit:.0f} s"
            return
        answer = self._answer()
        self.timed.snr_db = answer.get("snr_db", 0.0)
        self.timed.failed = answer.get("failed", "")

    def burst(self, seconds: float) -> None:
        """Measure it for a while, and keep the medians."""
        if self.timed.failed:
            return
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        answer = self._answer()
        self.timed.failed = answer.get("failed", "")
        if not self.timed.failed:
            self.timed.cpu_us.append(median(answer["cpu_us"]))
            self.timed.wall_us.append(median(answer["wall_us"]))

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"failed": f"the runtime died with code {self._process.wait()}"}


@dataclass(frozen=True)
class Plan:
    """How to measure.

    Attributes:
        sittings: How often all contestants start anew: where its memory happens to lie makes a process some per cent
            faster or slower for as long as it lives.
        rounds: In each sitting, all of them in turn; one more comes first and is thrown away.
        seconds: Of each burst of calls.
        core: That all are pinned to.
        limit: Seconds for loading; torch.compile compiles then.
    """

    sittings: int
    rounds: int
    seconds: float
    core: int
    limit: float


def measure(case: str, files: dict[str, Path | None], folder: Path, plan: Plan) -> dict[str, Timed]:
    """Each contestant's times for a case; whoever failed in one sitting has none."""
    total = {contestant: Timed() for contestant in files}
    for _ in range(plan.sittings):
        running = {contestant: path for contestant, path in files.items() if not total[contestant].failed}
        for contestant, timed in _sitting(case, running, folder, plan).items():
            whole = total[contestant]
            whole.cpu_us += timed.cpu_us
            whole.wall_us += timed.wall_us
            whole.snr_db, whole.failed = timed.snr_db, timed.failed
    return total


def _sitting(case: str, files: dict[str, Path | None], folder: Path, plan: Plan) -> dict[str, Timed]:
    waiting: dict[str, Waiting] = {}
    try:
        for contestant, path in files.items():
            waiting[contestant] = Waiting(case, contestant, folder, path, plan.core)
        for each in waiting.values():
            each.get_ready(plan.limit)
        for _ in range(plan.rounds + 1):
            for each in waiting.values():
                each.burst(plan.seconds)
    finally:
        for each in waiting.values():
            each.stop()
    for each in waiting.values():
        del each.timed.cpu_us[:1], each.timed.wall_us[:1]
    return {contestant: each.timed for contestant, each in waiting.items()}


def main(case: str, contestant: str, folder: str, path: str, core: str) -> None:
    """Load, check, then answer bursts until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # runtimes print to standard output
    try:
        _serve(case, contestant, Path(folder), Path(path), int(core), answers)
    except Exception as error:  # runtimes raise anything
        answers.write(json.dumps({"failed": f"{type(error).__name__}: {one_line(error, 160)}"}) + "\n")


def _serve(case: str, contestant: str, folder: Path, path: Path, core: int, answers: TextIO) -> None:
    import torch

    from benchmarks.cases import CASES, build
    from benchmarks.contestants import CONTESTANTS
    from benchmarks.runners import RUNNERS
    from edge_export.spec.agreement import agreement

    torch.set_num_threads(1)
    entry, built = CONTESTANTS[contestant], build(CASES[case], folder)
    pin(core)
    network = built.ours if entry.ours else built.plain
    loaded = RUNNERS[entry.runtime](path, network)
    loaded.call()
    pairs = zip(network.outputs, loaded.outputs(), strict=True)
    snr = min(agreement(expected.numpy(), given).snr_db for expected, given in pairs)
    answer = {"snr_db": snr} if snr >= MIN_SNR_DB else {"failed": f"its outputs are wrong: {snr:.1f} dB"}
    answers.write(json.dumps(answer) + "\n")
    calls = _calls_in_a_sample(loaded.call)
    for line in sys.stdin:
        cpu, wall = _burst(loaded.call, calls, float(line))
        answers.write(json.dumps({"cpu_us": cpu, "wall_us": wall}) + "\n")


def pin(core: int) -> None:
    """Keep this process on one core; only Linux can."""
    with contextlib.suppress(AttributeError):
        os.sched_setaffinity(0, {core})


def _calls_in_a_sample(call: Callable[[], object]) -> int:
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < 20 * SAMPLE_SECONDS:  # the first ones are slow
        call()
        calls += 1
    return max(1, calls // 20)


def _burst(call: Callable[[], object], calls: int, seconds: float) -> tuple[list[float], list[float]]:
    """Microseconds a call, of the process's CPU clock and of the wall, one pair for each sample of some calls."""
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


if __name__ == "__main__":
    main(*sys.argv[1:])
