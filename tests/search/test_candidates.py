"""The front, the best within a budget, and members spread over the front."""

from __future__ import annotations

import random

import pytest

from edge_export.search import Budget, Candidate, best, front, spread


def candidate(macs: int, metric: float, params: int = 1, weight_bytes: int = 4) -> Candidate:
    name = f"m{macs}"
    return Candidate(name, name, metric, macs, params, weight_bytes, peak_activation_bytes=1)


FAMILY = [candidate(1, 5.0), candidate(2, 6.0), candidate(3, 5.5), candidate(4, 8.0), candidate(8, 7.0)]


def names(candidates):
    return [each.name for each in candidates]


def test_the_front_holds_what_nothing_beats():
    assert names(front(FAMILY)) == ["m1", "m2", "m4"]


def test_of_equals_the_smaller_is_on_the_front():
    large, small = candidate(2, 5.0, params=9), candidate(2, 5.0, params=3)
    assert front([large, small]) == [small]
    assert front([small, candidate(3, 5.0)]) == [small]


def test_no_candidate_beats_one_on_the_front():
    rng = random.Random(0)
    for _ in range(50):
        made = [candidate(rng.randint(1, 9), rng.randint(1, 9)) for _ in range(12)]
        kept = front(made)
        for each in kept:
            assert not any(
                other.macs <= each.macs
                and other.metric >= each.metric
                and (other.macs, other.metric) != (each.macs, each.metric)
                for other in made
            )
        assert all(any(k.macs <= each.macs and k.metric >= each.metric for k in kept) for each in made)


@pytest.mark.parametrize(
    ("budget", "name"),
    [
        (Budget(), "m4"),
        (Budget(macs=3), "m2"),
        (Budget(macs=2, quality=6.0), "m2"),
        (Budget(macs=1, quality=5.1), None),
        (Budget(quality=6.5), "m4"),
        (Budget(params=0), None),
        (Budget(bytes=3), None),
        (Budget(bytes=4), "m4"),
    ],
)
def test_the_best_within_a_budget(budget, name):
    found = best(FAMILY, budget)
    assert (found and found.name) == name


def test_what_is_off_the_front_is_taken_where_the_rest_does_not_fit():
    small = candidate(9, 4.0, weight_bytes=1)
    assert best([*FAMILY, small], Budget(bytes=2)) == small


def test_members_are_spread_evenly_over_the_logarithm_of_cost():
    grid = [candidate(round(2 ** (step / 4)) * 100, step) for step in range(41)]
    chosen = [each.macs for each in spread(grid, 5)]
    assert chosen == [100, 600, 3200, 18100, 102400]


def test_both_ends_are_always_there():
    assert names(spread(FAMILY, 2)) == ["m1", "m8"]
    assert names(spread(FAMILY, 3)) == ["m1", "m2", "m8"]
    assert names(spread(FAMILY, 9)) == ["m1", "m2", "m4", "m8"], "m3 is not on the front"
    assert names(spread(FAMILY[:1], 5)) == ["m1"]
