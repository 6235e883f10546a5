"""Extremes on which a mother itself is not finite are compared by place and sign."""

from __future__ import annotations

import numpy as np

from edge_export.tasks.extremes import KINDS
from edge_export.verify.extremes import compare_extremes, peaks_of

SILENCE = KINDS.index("silence")


def outputs() -> dict[str, np.ndarray]:
    return {"y": np.random.default_rng(0).standard_normal((len(KINDS), 5)).astype(np.float32)}


def error_on_silence(mother: list[float], artifact: list[float]) -> float | None:
    reference, result = outputs(), outputs()
    reference["y"][SILENCE], result["y"][SILENCE] = mother, artifact
    found = compare_extremes(result, reference, peaks_of(reference))
    assert all(each.error_of_peak == 0 for each in found if each.name != "silence")
    return found[SILENCE].error_of_peak


def test_the_same_places_and_signs_agree() -> None:
    nan, inf = float("nan"), float("inf")
    assert error_on_silence([nan] * 5, [nan] * 5) == 0
    assert error_on_silence([1, nan, inf, -inf, 2], [1, nan, inf, -inf, 2]) == 0
    error = error_on_silence([1, nan, inf, -inf, 2], [1, nan, inf, -inf, 2.5])
    assert error is not None
    assert 0.1 < error < 0.6


def test_other_places_or_signs_do_not() -> None:
    nan, inf = float("nan"), float("inf")
    assert error_on_silence([1, nan, 3, 4, 5], [1, 2, 3, 4, 5]) is None
    assert error_on_silence([1, 2, 3, 4, 5], [1, nan, 3, 4, 5]) is None
    assert error_on_silence([inf, 2, 3, 4, 5], [-inf, 2, 3, 4, 5]) is None
    assert error_on_silence([nan, 2, 3, 4, 5], [inf, 2, 3, 4, 5]) is None
