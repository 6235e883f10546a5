"""The results of verification as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from edge_export.spec.agreement import Agreement

OWN_ROUNDINGS = 4.0
"""How many times as far as its mother a right file may move by rounding: its sums have another order."""
AMBIGUOUS = 0.1
"""The share of the peak. A mother that rounding may move so far has no one right output."""
_Moves = Annotated[float | None, Field(exclude_if=lambda moves: moves == 0.0)]


@dataclass(frozen=True)
class Stage:
    """The agreement of one stage with the mother on the goldens. `reason` names what exceeds the tolerance, if any."""

    name: str
    agreement: Agreement
    reason: str = ""


@dataclass(frozen=True)
class Approximation:
    """An intended approximation of a member: its agreement with the exact member, whose task metric is `metric`."""

    name: str
    agreement: Agreement
    metric: float | None


@dataclass(frozen=True)
class TaskMetric:
    """The task metric of the mother at the configuration and of the artifact, on `count` held-out samples."""

    name: str
    unit: str
    mother: float
    artifact: float
    count: int

    @property
    def lost(self) -> float:
        """What the artifact lost of it, rounded to hundredths, as tables show it."""
        return round(self.mother - self.artifact, 2) + 0.0  # never -0.0


@dataclass(frozen=True)
class Extreme:
    """The largest error on one kind of extreme input, as a share of the outputs' peak; None: it is not finite.

    Attributes:
        moves_of_peak: How far the mother's own outputs move there by rounding alone, as a share of their peak. None:
            what is NaN or infinite in them changes. It is never known of a recording.
    """

    name: str
    error_of_peak: float | None
    moves_of_peak: _Moves = 0.0

    @property
    def is_ambiguous(self) -> bool:
        """Whether the mother has no one right output there."""
        return self.moves_of_peak is None or self.moves_of_peak * OWN_ROUNDINGS >= AMBIGUOUS


@dataclass(frozen=True)
class Measured:
    """The measurements of an artifact, independent of any tolerance.

    Attributes:
        runtime: The name and version of the runtime.
        agreement: The agreement of the worst output on the goldens.
        metric: The task metric, if there are targets.
        extremes: The errors on extreme inputs.
        repeatable: Whether loading and running it again gave the same bits.
        finite: Whether all outputs are finite, on the goldens and on the held-out set.
        stages: The agreement of the intermediate files on its route with the mother.
        seconds: The time to load and run it, all runs together.
        by_documentation: The operators that the runtime evaluates by their documentation only.
    """

    runtime: str
    agreement: Agreement
    metric: TaskMetric | None
    extremes: tuple[Extreme, ...]
    repeatable: bool
    finite: bool
    stages: tuple[Stage, ...]
    seconds: float
    by_documentation: tuple[str, ...] = ()
