"""A real change is found and named; drift of the machine and noise are none."""

from __future__ import annotations

import pytest
from made_perf import around, on_board, timed

from edge_export.bench.baseline import compare
from edge_export.errors import RequestError

A, B = "a" * 64, "b" * 64


def run_of(seed: int, run: str, machine: float = 1.0, **factors: float):
    """A run of three artifacts on a machine that is `machine` times as slow; `large` is the slowest."""
    sizes = {"large": 8.0, "medium": 2.0, "small": 0.5}
    made = {
        name: timed(
            name,
            around(size * machine * factors.get(name, 1.0), seed + index),
            run,
            B if name in factors else A,
        )
        for index, (name, size) in enumerate(sizes.items())
    }
    return on_board(*made.values())


def verdicts(comparison):
    return {change.artifact: change.verdict for change in comparison.changes}


def test_a_slower_machine_is_no_slower_artifact():
    for seed in range(20):
        found = compare(run_of(1000 + seed, "now", machine=1.7), run_of(seed, "then"), 0.05)
        assert found.yardstick == "w/large"
        assert found.failures == ()


def test_a_real_slowdown_is_found_and_named():
    found = compare(run_of(50, "now", machine=0.6, small=1.3), run_of(1, "then"), 0.05)
    assert [(change.member, change.artifact) for change in found.failures] == [("w", "small")]
    (slow,) = found.failures
    assert slow.ratio == pytest.approx(1.3, rel=0.05)
    assert 1.05 < slow.interval.low < slow.ratio < slow.interval.high
    assert verdicts(found) == {"large": "yardstick", "medium": "same", "small": "slower"}


def test_a_speedup_is_told_and_fails_nothing():
    found = compare(run_of(50, "now", small=0.5), run_of(1, "then"), 0.05)
    assert verdicts(found)["small"] == "faster"
    assert found.failures == ()


def test_a_change_that_may_be_chance_does_not_fail():
    now = on_board(timed("y", [[1.0]] * 3, "now"), timed("a", [[1.02], [1.08], [1.10]], "now"))
    then = on_board(timed("y", [[1.0]] * 3, "then"), timed("a", [[1.0], [1.0], [1.0]], "then"))
    found = compare(now, then, 0.05, "w/y")
    assert verdicts(found)["a"] == "unclear"
    assert found.failures == ()


def test_noise_decides_nothing():
    noisy = timed("small", [[0.5] * 9, [0.5] * 9, [5.0] * 9, [0.5] * 9, [0.5] * 9], "now")
    large, medium, _ = run_of(50, "now").artifacts
    found = compare(on_board(large, medium, noisy), run_of(1, "then"), 0.05)
    assert verdicts(found)["small"] == "noisy"
    assert found.failures == ()


def test_what_ran_before_and_fails_now_is_a_failure():
    now = run_of(50, "now")
    broken = now.artifacts[2].model_copy(update={"latency": None, "reason": "the runtime crashed"})
    found = compare(on_board(*now.artifacts[:2], broken), run_of(1, "then"), 0.05)
    assert [change.verdict for change in found.failures] == ["failed"]
    new = compare(now, on_board(*run_of(1, "then").artifacts[:2]), 0.05)
    assert verdicts(new)["small"] == "new"
    assert new.failures == ()


def test_the_yardstick_is_a_file_that_did_not_change():
    now = run_of(50, "now", large=1.5)
    found = compare(now, run_of(1, "then"), 0.05)
    assert found.yardstick == "w/medium"
    assert [change.artifact for change in found.failures] == ["large"]
    everything = run_of(50, "now", large=1.5, medium=1.5, small=1.5)
    with pytest.raises(RequestError, match="no file with a steady time is the same in both runs"):
        compare(everything, run_of(1, "then"), 0.05)
    absolute = compare(everything, run_of(1, "then"), 0.05, "none")
    assert len(absolute.failures) == 3
    with pytest.raises(RequestError, match="--yardstick w/none has no steady time"):
        compare(now, run_of(1, "then"), 0.05, "w/none")


def test_a_yardstick_of_another_run_is_refused():
    now = run_of(50, "now")
    mixed = on_board(*now.artifacts[:2], now.artifacts[2].model_copy(update={"run": "earlier"}))
    with pytest.raises(RequestError, match="not measured in one run"):
        compare(mixed, run_of(1, "then"), 0.05)


def test_a_baseline_with_a_damaged_series_is_refused():
    then = run_of(1, "then")
    small = then.artifacts[2]
    rounds = tuple(each.model_copy(update={"samples": "AAAA"}) for each in small.latency.rounds)
    damaged = small.model_copy(update={"latency": small.latency.model_copy(update={"rounds": rounds})})
    with pytest.raises(RequestError, match="series of samples is damaged"):
        compare(run_of(50, "now"), on_board(*then.artifacts[:2], damaged), 0.05)


def test_the_same_runs_give_the_same_comparison():
    pairs = [compare(run_of(50, "now"), run_of(1, "then"), 0.05) for _ in range(2)]
    assert pairs[0] == pairs[1]
