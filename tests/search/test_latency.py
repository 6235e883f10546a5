"""Times of calls: measured ones first, predicted ones with their error."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from edge_export.errors import RequestError
from edge_export.search import Candidate
from edge_export.search.latency import Times, left_out, predict, with_times


@dataclass(frozen=True)
class Member:
    name: str
    macs: int
    params: int
    weight_bytes: int
    peak_activation_bytes: int


def member(size: int) -> Member:
    return Member(f"m{size}", 1000 * size * size, 10 * size, 40 * size, 4096 + 64 * size)


def time_of(each: Member) -> float:
    return 0.05 + 2e-6 * each.macs + 1e-5 * each.weight_bytes


def candidate(each: Member) -> Candidate:
    return Candidate(each.name, each.name, 1.0, each.macs, each.params, each.weight_bytes, each.peak_activation_bytes)


def times(*sizes: int) -> Times:
    return Times("local", "tflite-builtin-fp32", 1, tuple((member(size), time_of(member(size))) for size in sizes))


def test_times_that_follow_the_costs_are_predicted_exactly():
    measured = times(1, 4, 9, 16, 30).members
    wanted = [member(2), member(12), member(25)]
    assert predict(measured, wanted) == pytest.approx([time_of(each) for each in wanted], rel=1e-6)


def test_no_cost_makes_a_call_faster():
    rng = random.Random(0)
    noisy = [(each, time_of(each) * rng.uniform(0.5, 2)) for each in map(member, range(1, 12))]
    found = predict(noisy, [member(size) for size in range(1, 40)])
    assert found == sorted(found)
    assert found[0] > 0


def test_the_error_is_that_of_members_left_out():
    exact = left_out(times(1, 4, 9, 16, 30).members)
    assert exact.worst_error < 1e-6
    slow = [*times(1, 4, 9, 16).members, (member(30), 3 * time_of(member(30)))]
    assert left_out(slow).worst_error > 0.5, "nothing that the others say makes one of them three times as slow"


def test_measured_times_are_kept_and_others_predicted():
    timed, predicted = with_times([candidate(member(size)) for size in (1, 2, 30)], times(1, 4, 9, 30))
    assert [each.timed for each in timed] == [True, False, True]
    assert timed[0].call_ms == time_of(member(1))
    assert timed[1].call_ms == pytest.approx(time_of(member(2)), rel=0.2)
    assert predicted is not None


def test_a_member_of_the_same_name_and_other_costs_is_another():
    other = Candidate("m4", "m4", 1.0, 7, 40, 160, 4352)
    (timed,), _ = with_times([other], times(1, 4, 9, 30))
    assert not timed.timed


def test_few_measurements_are_enough_for_what_was_measured_and_no_more():
    timed, predicted = with_times([candidate(member(4))], times(1, 4))
    assert (timed[0].call_ms, predicted) == (time_of(member(4)), None)
    with pytest.raises(RequestError, match=r"2 of the members .* needs 4: build with 4 --members or more, then run"):
        with_times([candidate(member(2))], times(1, 4))
