"""The sandwich rule: which configurations a step trains (arXiv 1903.05134)."""

from __future__ import annotations

import random

from edge_export.mothers.protocol import Config, Space


def sandwich(space: Space, rng: random.Random, between: int = 2) -> list[Config]:
    """The largest, the smallest and `between` random configurations, the largest first: it teaches the others.

    Performance at every width lies between that of the two ends, so training both ends lifts all.
    """
    return [space.largest, space.smallest, *(space.sample(rng) for _ in range(between))]
