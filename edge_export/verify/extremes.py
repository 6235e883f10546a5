"""Compares an artifact with the mother on extreme inputs that no recording contains."""

from __future__ import annotations

import numpy as np

from edge_export.files.arrays import Array
from edge_export.spec.agreement import agreement
from edge_export.spec.arrays import beginning
from edge_export.spec.recorded import moves_name
from edge_export.spec.results import Extreme
from edge_export.tasks.extremes import KINDS, RECORDED


def compare_extremes(outputs: dict[str, Array], reference: dict[str, Array], peaks: dict[str, float]) -> list[Extreme]:
    """Returns the relative error of the worst output on each of `KINDS`.

    Args:
        outputs, reference: The outputs of the artifact and of the mother by name, `(6, …)` each. The mother's may hold
            how far they move by rounding, by `moves_name`.
        peaks: The maximum absolute value of each output on the goldens. Errors are relative to it.
    """
    found = []
    moved = {name: reference[moves_name(name)] for name in peaks if moves_name(name) in reference}
    for index, kind in enumerate(KINDS):
        worst: float | None = 0.0
        moves = 0.0
        for name in peaks:
            expected = reference[name]
            error = agreement(expected[index], beginning(outputs[name][index], expected[index]), extreme=True).max_abs
            scale = max(peaks[name], peak_of(expected[index]), float(np.finfo(np.float32).tiny))
            worst = None if error is None or worst is None else max(worst, error / scale)
            if kind != RECORDED and name in moved:
                moves = max(moves, float(moved[name][index]) / scale)
        found.append(Extreme(kind, worst, moves if np.isfinite(moves) else None))
    return found


def peaks_of(golden: dict[str, Array]) -> dict[str, float]:
    """Returns the maximum absolute value of each output."""
    return {name: peak_of(array) for name, array in golden.items()}


def peak_of(array: Array) -> float:
    """Returns the maximum absolute value of what is finite in `array`. Bools count as numbers."""
    numbers = array.astype(np.float64)
    return float(np.abs(numbers[np.isfinite(numbers)]).max(initial=0))
