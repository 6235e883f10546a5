"""What nothing else beats in both cost and quality is on the front."""

from __future__ import annotations

import operator

from edge_export.spec.pareto import pareto_front

COST, QUALITY, SIZE = map(operator.itemgetter, range(3))


def test_the_front_has_what_nothing_beats_from_the_cheapest_to_the_best():
    found = [(8, 12.0), (3, 9.0), (1, 10.0), (8, 11.0)]
    assert pareto_front(found, COST, QUALITY) == [(1, 10.0), (8, 12.0)]
    assert pareto_front([], COST, QUALITY) == []


def test_of_equal_ones_the_tie_decides_and_then_the_order():
    found = [(1, 1.0, 5, "a"), (1, 1.0, 4, "b"), (1, 1.0, 4, "c")]
    assert [each[3] for each in pareto_front(found, COST, QUALITY)] == ["a"]
    assert [each[3] for each in pareto_front(found, COST, QUALITY, SIZE)] == ["b"]
