"""The sandwich rule, which chooses the configurations of a training step (arXiv 1903.05134)."""

from __future__ import annotations

import random

from edge_export.mothers.protocol import Config, Space


def sandwich(space: Space, rng: random.Random, between: int = 2) -> list[Config]:
    """Returns the largest, the smallest and `between` random configurations. The largest is first: it is the teacher.

    The performance of every width is between that of the two ends, so training both ends improves all widths.
    """
    return [space.largest, space.smallest, *(space.sample(rng) for _ in range(between))]
