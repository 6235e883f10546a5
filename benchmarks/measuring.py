"""Time contestants side by side: each waits in a process of its own, on the same core, and they are called in turn.

    python -m benchmarks.measuring CASE CONTESTANT FOLDER FILE CORE           is such a process

It says on standard output, in JSON, that it is ready, and answers each line "SECONDS" with the times of one burst.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TextIO

from benchmarks.conversion import ROOT
from edge_export.bench.in_turn import Timed, TimingPlan, burst, calls_in_a_sample, pin, time_in_turn
from edge_export.errors import one_line

if TYPE_CHECKING:
    from benchmarks.cases import Network
    from benchmarks.runners import Loaded

MIN_SNR_DB = 80.0
"""A file whose outputs are further than this from the network's is not measured."""


class Waiting:
    """A contestant in its process: the module `benchmarks.…` of `arguments`, with the rest of them."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", *arguments]
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


def measure(case: str, files: dict[str, Path | None], folder: Path, plan: TimingPlan) -> dict[str, Timed]:
    """Each contestant's times for a case; whoever failed in one sitting has none."""

    def start(contestant: str) -> Waiting:
        path, core = str(files[contestant]), str(plan.core)
        return Waiting(folder, "benchmarks.measuring", case, contestant, str(folder), path, core)

    return time_in_turn(files, start, plan)


def main(case: str, contestant: str, folder: str, path: str, core: str) -> None:
    """Loads a contestant, checks it, and answers bursts."""

    def load() -> tuple[Loaded, Network]:
        from benchmarks.cases import CASES, build
        from benchmarks.contestants import CONTESTANTS
        from benchmarks.runners import RUNNERS

        entry, built = CONTESTANTS[contestant], build(CASES[case], Path(folder))
        network = built.ours if entry.ours else built.plain
        pin(int(core))
        return RUNNERS[entry.runtime](Path(path), network), network

    answer_bursts(load)


def answer_bursts(load: Callable[[], tuple[Loaded, Network]]) -> None:
    """Load, check, then answer bursts until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # runtimes print to standard output
    try:
        _serve(load, answers)
    except Exception as error:  # runtimes raise anything
        answers.write(json.dumps({"failed": f"{type(error).__name__}: {one_line(error, 160)}"}) + "\n")


def _serve(load: Callable[[], tuple[Loaded, Network]], answers: TextIO) -> None:
    import torch

    from edge_export.spec.agreement import agreement

    torch.set_num_threads(1)
    loaded, network = load()
    loaded.call()
    pairs = zip(network.outputs, loaded.outputs(), strict=True)
    snr = min(agreement(expected.numpy(), given).snr_db for expected, given in pairs)
    answer = {"snr_db": snr} if snr >= MIN_SNR_DB else {"failed": f"its outputs are wrong: {snr:.1f} dB"}
    answers.write(json.dumps(answer) + "\n")
    calls = calls_in_a_sample(loaded.call)
    for line in sys.stdin:
        cpu, wall = burst(loaded.call, calls, float(line))
        answers.write(json.dumps({"cpu_us": cpu, "wall_us": wall}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
