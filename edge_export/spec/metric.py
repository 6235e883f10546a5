"""The metric of a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_export.files.arrays import Array


@dataclass(frozen=True)
class Metric:
    """The metric of a task. Higher is better.

    Attributes:
        name: Letters, digits and underscores, such as "si_sdr". Target files use this name to limit its loss.
        unit: The unit of its values, such as "dB".
        measure: Returns the value for the first output on the held-out set, `(count, …)`, and the targets.
        baseline: Returns the value of the unprocessed input for the targets; None: there is no such value.
    """

    name: str
    unit: str
    measure: Callable[[Array, Array], float]
    baseline: Callable[[Array], float] | None = None
