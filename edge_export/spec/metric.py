"""How well a result does its task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_export.files.arrays import Array


@dataclass(frozen=True)
class Metric:
    """A metric of a task; more is better.

    Attributes:
        name: Letters, digits and underscores, such as "si_sdr"; target files limit its loss under that name.
        unit: Of its values, such as "dB".
        measure: From the first output on the held-out set, `(count, …)`, and the targets to a value.
        baseline: From the targets to the value of doing nothing, where that means something.
    """

    name: str
    unit: str
    measure: Callable[[Array, Array], float]
    baseline: Callable[[Array], float] | None = None
