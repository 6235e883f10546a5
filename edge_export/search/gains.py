"""What a search has found beyond the configurations that the space lists, at equal budgets of MACs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_export.search.candidates import Budget, Candidate, best


@dataclass(frozen=True)
class Gain:
    """A budget of MACs, the best listed configuration within it, and the best one that was found beyond them.

    Attributes:
        found: None: nothing that was found is within the budget.
    """

    macs: int
    listed: Candidate
    found: Candidate | None

    @property
    def better(self) -> bool:
        return self.found is not None and self.found.metric > self.listed.metric


def gains(listed: Sequence[Candidate], found: Sequence[Candidate]) -> list[Gain]:
    """Compares at each budget that is the MACs of a listed configuration, from the cheapest on."""
    compared = []
    for macs in sorted({each.macs for each in listed}):
        within = best(listed, Budget(macs=macs))
        assert within is not None  # the budget is what one of them costs
        compared.append(Gain(macs, within, best(found, Budget(macs=macs))))
    return compared
