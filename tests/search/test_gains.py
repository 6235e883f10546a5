"""What a search has found beyond the listed configurations, at equal budgets."""

from __future__ import annotations

from edge_export.search import Candidate
from edge_export.search.gains import gains


def candidate(macs: int, metric: float) -> Candidate:
    return Candidate(f"m{macs}", f"m{macs}", metric, macs, params=1, weight_bytes=4, peak_activation_bytes=1)


def test_budgets_are_what_listed_ones_cost_and_the_best_within_each_is_compared():
    listed = [candidate(100, 1.0), candidate(1000, 3.0), candidate(10000, 2.0)]
    compared = gains(listed, [candidate(900, 4.0), candidate(10000, 3.0)])
    assert [each.macs for each in compared] == [100, 1000, 10000]
    assert [each.listed.macs for each in compared] == [100, 1000, 1000], "the best, not the costliest"
    assert [each.found and each.found.macs for each in compared] == [None, 900, 900]
    assert [each.better for each in compared] == [False, True, True]


def test_equal_quality_is_not_better():
    assert [each.better for each in gains([candidate(1, 1.0)], [candidate(1, 1.0)])] == [False]
