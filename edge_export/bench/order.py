"""The order in which things are timed: all once a round, so that whatever drifts hits all alike."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence


def shuffled_rounds[T](things: Sequence[T], rounds: int, seed: int) -> Iterator[list[T]]:
    """Yields all of `things` once for each round, each time in a random order."""
    rng = random.Random(seed)
    for _ in range(rounds):
        order = list(things)
        rng.shuffle(order)
        yield order
