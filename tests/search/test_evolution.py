"""NSGA-II on a space whose every quality is known."""

from __future__ import annotations

from edge_export.search import Candidate, front
from edge_export.search.evolution import evolve

COUNTS = (8, 8, 8, 8)


def made(choices) -> Candidate:
    name = "".join(map(str, choices))
    first, *others = choices
    metric = 10.0 * first + sum(others) / 10
    return Candidate(name, name, metric, 1 + sum(choices), params=1, weight_bytes=4, peak_activation_bytes=1)


def search(evaluations, seed, broken=(), counts=COUNTS):
    asked = []

    def assess(wanted):
        asked.extend(wanted)
        return [None if each in broken else made(each) for each in wanted]

    return evolve(counts, assess, evaluations, seed), asked


def test_it_finds_what_random_draws_do_not():
    found, asked = search(300, seed=0)
    assert len(asked) == len(set(asked)) == 300, "each configuration is evaluated once"
    ideal = {1 + n: 10.0 * n for n in range(8)}
    reached = {each.macs: each.metric for each in front(found)}
    assert sum(reached.get(macs) == metric for macs, metric in ideal.items()) >= 4, "random draws would find 0 or 1"


def test_both_ends_come_first():
    _, asked = search(10, seed=3)
    assert asked[:2] == [(0, 0, 0, 0), (7, 7, 7, 7)]
    assert len(asked) == 10


def test_the_seed_decides_everything():
    assert search(60, seed=1) == search(60, seed=1)
    assert search(60, seed=1) != search(60, seed=2)


def test_what_cannot_be_made_does_not_stop_it():
    found, asked = search(40, seed=0, broken={(0, 0, 0, 0)})
    assert len(asked) == 40
    assert len(found) == 39


def test_a_small_space_is_searched_whole():
    found, _ = search(1000, seed=0, counts=(2, 1, 3))
    assert len(found) == 6
