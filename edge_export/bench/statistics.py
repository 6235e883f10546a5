"""Statistics of times that were sampled in rounds.

Samples of one round depend on each other: they share the process, the placement of its memory, the temperature. So
the bootstrap draws rounds first, and samples within the drawn rounds second. The summary is the median of the rounds'
medians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from edge_export.bundle.perf import Interval

if TYPE_CHECKING:
    from edge_export.files.arrays import Array

Rounds = Sequence[Sequence[float]]
"""The samples of each round, in milliseconds."""

MAX_SPREAD = 0.10
"""Rounds whose medians differ by more than this share are noisy."""
RESAMPLES = 2000


def percentile(values: Sequence[float], percent: float) -> float:
    """Returns the nearest-rank percentile: the smallest value that at least `percent` % of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def spread(medians: Sequence[float]) -> float:
    """Returns by which share the highest of the rounds' medians exceeds the lowest."""
    low, high = min(medians), max(medians)
    return high / low - 1 if low > 0 else math.inf


def ratios(ours: Sequence[float], others: Sequence[float]) -> list[float]:
    """Returns the ratio of each round: ours divided by the other's.

    Raises:
        ValueError: They do not have the same number of rounds.
    """
    return [a / b for a, b in zip(ours, others, strict=True)]


def resampled_medians(series: Sequence[Rounds], seed: int) -> Array:
    """Returns the medians of resampled rounds: (series, `RESAMPLES`, rounds).

    All series must have the same number of rounds. A resample draws the same rounds of each series, so that ratios
    between series stay within rounds. A drawn round gives the median of a resample of its samples: the order statistic
    whose rank is that of the median of as many uniform draws, which has a beta distribution.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    count = len(series[0])
    drawn = rng.integers(count, size=(1, RESAMPLES, count))
    result = np.empty((len(series), RESAMPLES, count))
    for index, rounds in enumerate(series):
        if len(rounds) != count:
            raise ValueError(f"series have {count} and {len(rounds)} rounds")
        medians = np.empty((count, RESAMPLES, count))
        for number, samples in enumerate(rounds):
            ordered, half = np.sort(np.asarray(samples, dtype=np.float64)), (len(samples) + 1) / 2
            ranks = rng.beta(half, half, size=(RESAMPLES, count)) * len(ordered)
            medians[number] = ordered[np.minimum(ranks.astype(np.int64), len(ordered) - 1)]
        result[index] = np.take_along_axis(medians, drawn, axis=0)[0]
    return result


def interval_of(values: Array) -> Interval:
    """Returns the central 95 % of resampled values."""
    import numpy as np

    low, high = np.percentile(values, (2.5, 97.5))
    return Interval(low=float(low), high=float(high))


def median_interval(rounds: Rounds, seed: int) -> Interval:
    """Returns the 95 % interval of the median of the rounds' medians."""
    import numpy as np

    return interval_of(np.median(resampled_medians([rounds], seed)[0], axis=-1))


def medians_of(rounds: Rounds) -> list[float]:
    """Returns the median of each round."""
    return [median(samples) for samples in rounds]
