"""Which configurations a training step trains: the sandwich rule (arXiv 1903.05134), or every one."""

from __future__ import annotations

import random

from edge_export.mothers.protocol import Config, Space


def sandwich(space: Space, rng: random.Random, between: int = 2) -> list[Config]:
    """Returns the largest, the smallest and `between` random configurations. The largest is first: it is the teacher.

    The performance of every width is between that of the two ends, so training both ends improves all widths.
    """
    return [space.largest, space.smallest, *(space.sample(rng) for _ in range(between))]


def every(space: Space, rng: random.Random) -> list[Config]:
    """Returns every configuration, the largest first: a slimmable network trains all its widths (arXiv 1812.08928)."""
    return list(space.all())[::-1]
