"""The axes of a plot: where ticks are, and where a value lies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

TICKS = 5
"""About so many ticks are on an axis."""
LOGARITHMIC_FROM = 6.0
"""From this ratio of the largest to the smallest value on, an axis of positive values is logarithmic."""
PADDING = 0.08
"""The share of an axis that stays free at each of its ends."""


@dataclass(frozen=True)
class Axis:
    """One axis as it is drawn.

    Attributes:
        label: What it shows, with the unit.
        low, high: The values at its ends.
        logarithmic: Whether equal ratios have equal lengths.
        ticks: The values that are marked.
        text: Returns the text at a tick.
    """

    label: str
    low: float
    high: float
    logarithmic: bool
    ticks: tuple[float, ...]
    text: Callable[[float], str]

    def share(self, value: float) -> float:
        """Returns where `value` lies: 0 at the low end, 1 at the high end."""
        low, high, at = (self.low, self.high, value)
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(value)
        return (at - low) / (high - low)


def axis_for(label: str, values: Sequence[float], text: Callable[[float], str]) -> Axis:
    """Returns an axis on which all `values` have room. Logarithmic if they are positive and far apart.

    Args:
        label: What it shows, with the unit.
        values: Finite values, at least one.
        text: Returns the text at a tick.
    """
    low, high = min(values), max(values)
    if low > 0 and high / low >= LOGARITHMIC_FROM:
        margin = (high / low) ** PADDING
        low, high = low / margin, high * margin
        return Axis(label, low, high, True, _logarithmic_ticks(low, high), text)
    margin = PADDING * (high - low) or 0.01 * abs(high) or 1.0
    low, high = low - margin, high + margin
    return Axis(label, low, high, False, _linear_ticks(low, high), text)


def _linear_ticks(low: float, high: float) -> tuple[float, ...]:
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= 0.999 * rough)
    return tuple(round(index * step, 12) for index in range(math.ceil(low / step), math.floor(high / step) + 1))


def _logarithmic_ticks(low: float, high: float) -> tuple[float, ...]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = tuple(t for power in powers for factor in factors if low <= (t := factor * 10.0**power) <= high)
        if len(ticks) <= TICKS + 2:
            return ticks
    return ticks[:: -(-len(ticks) // TICKS)]
