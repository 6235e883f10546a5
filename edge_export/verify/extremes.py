"""How an artifact does on inputs that no recording holds."""

from __future__ import annotations

import numpy as np

from edge_export.files.arrays import Array
from edge_export.spec.agreement import agreement
from edge_export.spec.results import Extreme
from edge_export.tasks.extremes import KINDS


def compare_extremes(outputs: dict[str, Array], reference: dict[str, Array], peaks: dict[str, float]) -> list[Extreme]:
    """How the worst output differs from the mother's on each of `KINDS`.

    Args:
        outputs, reference: By name, `(6, …)`.
        peaks: The largest absolute value of each output on the goldens: what errors are a share of.
    """
    found = []
    for index, kind in enumerate(KINDS):
        worst: float | None = 0.0
        for name, wanted in reference.items():
            error = agreement(wanted[index], outputs[name][index]).max_abs
            scale = max(peaks[name], float(np.abs(wanted[index]).max(initial=0)), float(np.finfo(np.float32).tiny))
            worst = None if error is None or worst is None else max(worst, error / scale)
        found.append(Extreme(kind, worst))
    return found


def peaks_of(golden: dict[str, Array]) -> dict[str, float]:
    """The largest absolute value of each output."""
    return {name: float(np.abs(array).max(initial=0)) for name, array in golden.items()}
