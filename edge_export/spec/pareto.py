"""The Pareto front of what has a cost and a quality."""

from __future__ import annotations

from collections.abc import Callable, Iterable


def pareto_front[T](
    found: Iterable[T],
    cost: Callable[[T], float],
    quality: Callable[[T], float],
    tie: Callable[[T], float] = lambda each: 0.0,
) -> list[T]:
    """Returns those that no other one beats in both cost and quality, from the cheapest to the best.

    Args:
        found: All of them.
        cost, quality: Lower and higher is better.
        tie: Of those that are equal in both, the one with the lowest value is on the front, of equal ones the first.
    """
    front: list[T] = []
    for each in sorted(found, key=lambda each: (cost(each), -quality(each), tie(each))):
        if not front or quality(each) > quality(front[-1]):
            front.append(each)
    return front
