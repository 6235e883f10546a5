"""Configurations that were evaluated, the front of them, and the best ones within a budget."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edge_export.spec.pareto import pareto_front


@dataclass(frozen=True)
class Candidate:
    """A configuration that was evaluated.

    Attributes:
        config: The text that names the configuration on the command line.
        metric: The mother's task metric at the configuration, on the held-out set. Higher is better.
        macs, params, weight_bytes, peak_activation_bytes: As `bundle.manifest.Member` has them.
        macs_per_second: MACs for one second of sound. None: it does not stream.
        call_ms: The time of a call on the device that was asked for, in ms. None: no device was.
        timed: Whether that time was measured. Otherwise it was predicted.
    """

    name: str
    config: str
    metric: float
    macs: int
    params: int
    weight_bytes: int
    peak_activation_bytes: int
    macs_per_second: float | None = None
    call_ms: float | None = None
    timed: bool = False


@dataclass(frozen=True)
class Budget:
    """What a candidate may cost at most, and must reach at least. None: anything.

    Attributes:
        bytes: Of its weights and constants in float32.
        call_ms: The time of a call in ms. A candidate without one does not fit.
    """

    macs: float | None = None
    params: float | None = None
    bytes: float | None = None
    call_ms: float | None = None
    quality: float | None = None

    def allows(self, candidate: Candidate) -> bool:
        """Returns whether `candidate` is within all limits."""
        return self.affords(candidate) and (self.quality is None or candidate.metric >= self.quality)

    def affords(self, candidate: Candidate) -> bool:
        """Returns whether `candidate` is within the limits of cost."""
        time = math.inf if candidate.call_ms is None else candidate.call_ms
        costs = (
            (self.macs, candidate.macs),
            (self.params, candidate.params),
            (self.bytes, candidate.weight_bytes),
            (self.call_ms, time),
        )
        return all(limit is None or cost <= limit for limit, cost in costs)


def macs_of(candidate: Candidate) -> float:
    return candidate.macs


def front(candidates: Sequence[Candidate], cost: Callable[[Candidate], float] = macs_of) -> list[Candidate]:
    """Returns the Pareto front of a cost and quality, from the cheapest to the best.

    Of candidates that cost and reach the same, the one with fewer parameters is on it.
    """
    return pareto_front(candidates, cost, lambda each: each.metric, lambda each: each.params)


def best(candidates: Sequence[Candidate], budget: Budget) -> Candidate | None:
    """Returns the best candidate within the budget, of equal ones the cheapest. None: there is none."""
    fitting = [candidate for candidate in candidates if budget.allows(candidate)]
    return front(fitting)[-1] if fitting else None


def spread(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Returns up to `count` members, from the cheapest to the costliest of all candidates.

    Both ends are among them. The others are of the front, and as even over the logarithm of MACs as the front allows.
    """
    ordered = sorted(candidates, key=lambda each: (each.macs, each.params))
    ends = [ordered[0], ordered[-1]]
    chosen = dict.fromkeys(ends)
    low, high = (math.log(max(1, end.macs)) for end in ends)
    for step in range(1, count - 1):
        aim = low + (high - low) * step / (count - 1)
        free = [candidate for candidate in front(candidates) if candidate not in chosen]
        if free:
            chosen[min(free, key=lambda each: abs(math.log(max(1, each.macs)) - aim))] = None
    return sorted(chosen, key=lambda each: (each.macs, each.params))
