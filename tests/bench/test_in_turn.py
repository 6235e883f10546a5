"""Contestants are called in rounds, the first round is discarded, and a contestant that fails has no times."""

from __future__ import annotations

from edge_export.bench.in_turn import Timed, TimingPlan, burst, calls_in_a_sample, time_in_turn
from edge_export.bench.order import shuffled_rounds

PLAN = TimingPlan(sittings=2, rounds=3, seconds=0.01, core=0, limit=5.0)


class Recorded:
    """Records its calls."""

    def __init__(self, name: str, calls: list[str], fails: bool = False) -> None:
        self.name, self.calls, self.fails, self.timed = name, calls, fails, Timed()

    def get_ready(self, limit: float) -> None:
        self.calls.append(f"ready {self.name}")
        if self.fails:
            self.timed.failed = "out of memory"

    def burst(self, seconds: float) -> None:
        self.calls.append(f"burst {self.name}")
        if not self.fails:
            self.timed.cpu_us.append(float(len(self.timed.cpu_us)))
            self.timed.wall_us.append(1.0)

    def stop(self) -> None:
        self.calls.append(f"stop {self.name}")


def test_rounds_alternate_and_the_first_is_thrown_away() -> None:
    calls: list[str] = []
    total = time_in_turn(["a", "b"], lambda name: Recorded(name, calls), PLAN)
    for sitting in (calls[:12], calls[12:]):
        assert (sitting[:2], sitting[-2:]) == (["ready a", "ready b"], ["stop a", "stop b"])
        bursts = sitting[2:-2]
        assert all(sorted(bursts[i : i + 2]) == ["burst a", "burst b"] for i in range(0, 8, 2))
    assert total["a"].cpu_us == [1.0, 2.0, 3.0] * 2


def test_one_that_failed_is_not_started_again() -> None:
    calls: list[str] = []
    total = time_in_turn(["a", "b"], lambda name: Recorded(name, calls, fails=name == "b"), PLAN)
    assert (total["b"].failed, total["b"].cpu_us) == ("out of memory", [])
    assert calls.count("ready b") == 1
    assert len(total["a"].wall_us) == 6


def test_a_burst_has_as_many_samples_of_both_clocks() -> None:
    def work() -> int:
        return sum(range(1000))

    cpu, wall = burst(work, calls_in_a_sample(work), 0.02)
    assert len(cpu) == len(wall) > 0
    assert all(time > 0 for time in wall)


def test_each_round_has_all_in_an_order_of_its_own() -> None:
    rounds = list(shuffled_rounds("abcdef", 50, seed=1))
    assert all(sorted(order) == list("abcdef") for order in rounds)
    assert len({"".join(order) for order in rounds}) > 40
    assert rounds == list(shuffled_rounds("abcdef", 50, seed=1)) != list(shuffled_rounds("abcdef", 50, seed=2))
