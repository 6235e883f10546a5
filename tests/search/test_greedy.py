"""Greedy slimming on spaces whose every quality is known."""

from __future__ import annotations

import math

from edge_export.search import Candidate
from edge_export.search.greedy import slim


def made(choices, metric, macs) -> Candidate:
    name = "".join(map(str, choices))
    return Candidate(name, name, metric, macs, params=1, weight_bytes=4, peak_activation_bytes=1)


def walk(counts, metric, macs, enough=lambda _: False, broken=()):
    asked = []

    def assess(wanted):
        asked.extend(wanted)
        return [None if each in broken else made(each, metric(*each), macs(*each)) for each in wanted]

    return [each.name for each in slim(counts, assess, enough)], asked


def test_the_part_that_costs_least_quality_for_its_macs_is_slimmed():
    # The first part loses 3 of quality for 10 MACs, the second 1 for 2: less, but more for each MAC.
    path, asked = walk((2, 2), lambda a, b: 3 * a + b, lambda a, b: 10 * a + 2 * b)
    assert path == ["11", "01", "00"]
    assert asked == [(1, 1), (0, 1), (1, 0), (0, 0)]


def test_of_steps_that_lose_nothing_the_one_that_saves_most_is_taken():
    path, _ = walk((3, 3), lambda a, b: 9.0, lambda a, b: a + 5 * b)
    assert path == ["22", "21", "20", "10", "00"]


def test_it_ends_at_the_first_that_is_enough():
    path, _ = walk((9, 9), lambda a, b: a + b, lambda a, b: a + b, enough=lambda each: each.macs <= 12)
    assert len(path) == 5
    assert sum(map(int, path[-1])) == 12


def test_what_saves_nothing_or_cannot_be_made_is_no_step():
    path, _ = walk((2, 3), lambda a, b: 1.0, lambda a, b: 1 + b, broken={(1, 0)})
    assert path == ["12", "11"], "the first part saves nothing, and the second can't be smaller"
    assert walk((2,), lambda a: 1.0, lambda a: 1, broken={(1,)})[0] == []


def test_on_a_space_where_parts_matter_unequally_it_beats_equal_widths():
    def metric(*widths):
        return sum(math.log1p(weight * width) for weight, width in zip((9.0, 1.0, 0.1), widths, strict=True))

    def macs(*widths):
        return sum(widths)

    path, _ = walk((9, 9, 9), metric, macs)
    of_path = {sum(map(int, name)): metric(*map(int, name)) for name in path}
    uniform = {3 * width: metric(*[width] * 3) for width in range(1, 8)}
    assert all(of_path[cost] > quality for cost, quality in uniform.items())
