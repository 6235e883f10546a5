"""Agreement and tolerance, with cases that must fail."""

from __future__ import annotations

import numpy as np
import pytest

from edge_export.spec.agreement import SNR_LIMIT_DB, agreement, worst_of
from edge_export.spec.tolerance import Tolerance, why_metric_not, why_not

REFERENCE = np.random.default_rng(0).standard_normal((64, 10)).astype(np.float32)
TIGHT = Tolerance(snr_db=90, max_abs_of_peak=1e-4, metric_drop={"top1": 0.0})


def test_equal_results_agree_wholly():
    found = agreement(REFERENCE, REFERENCE.copy(), scores=True)
    assert (found.snr_db, found.max_abs, found.top1_agreement) == (SNR_LIMIT_DB, 0.0, 1.0)
    assert why_not(found, TIGHT) is None


def test_snr_of_known_noise():
    noise = 1e-3 * REFERENCE
    assert agreement(REFERENCE, REFERENCE + noise).snr_db == pytest.approx(60.0, abs=0.01)


def one_weight_off(result):
    result[3, 2] += 0.01 * np.abs(result).max()


def swapped(result):
    result[:, [0, 1]] = result[:, [1, 0]]


def shifted(result):
    result += 1e-3


@pytest.mark.parametrize("fault", [one_weight_off, swapped, shifted])
def test_a_fault_is_caught(fault):
    result = REFERENCE.copy()
    fault(result)
    assert why_not(agreement(REFERENCE, result), TIGHT)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_never_passes(value):
    result = REFERENCE.copy()
    result[5, 5] = value
    found = agreement(REFERENCE, result, scores=True)
    assert why_not(found, Tolerance(snr_db=0, max_abs_of_peak=1)) == "the result holds NaN or infinite values"
    assert why_not(agreement(result, REFERENCE), Tolerance(snr_db=0, max_abs_of_peak=1))


def test_nan_agrees_with_nothing_but_on_an_extreme():
    reference = REFERENCE.copy()
    reference[5, 5] = np.nan
    assert why_not(agreement(reference, reference), TIGHT)
    assert why_not(agreement(reference, reference, extreme=True), TIGHT) is None
    moved = REFERENCE.copy()
    moved[5, 6] = np.nan
    assert why_not(agreement(reference, moved, extreme=True), TIGHT)
    assert why_not(agreement(reference, REFERENCE, extreme=True), TIGHT)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_agrees_by_place_and_sign(value):
    reference, result = REFERENCE.copy(), REFERENCE + 1e-7
    reference[5, 5] = result[5, 5] = value
    found = agreement(reference, result, scores=True)
    assert why_not(found, TIGHT) is None
    assert found.peak == np.abs(REFERENCE).max()
    assert found.snr_db < 150, "what is finite is measured all the same"
    result[5, 5] = -value
    assert why_not(agreement(reference, result), TIGHT)
    everywhere = np.full_like(REFERENCE, value)
    assert why_not(agreement(everywhere, everywhere), TIGHT), "a network that says nothing else is broken"


def test_of_several_outputs_neither_the_noise_nor_the_error_of_one_is_hidden_by_another():
    noisy, pointed = REFERENCE * (1 + 8e-5), REFERENCE.copy()
    pointed[5, 5] += 2e-4 * np.abs(REFERENCE).max()
    agreements = [agreement(REFERENCE, noisy, scores=True), agreement(REFERENCE, pointed)]
    tolerance = Tolerance(snr_db=60, max_abs_of_peak=1e-4)
    assert agreements[0].snr_db < agreements[1].snr_db
    assert why_not(agreements[0], tolerance) is None
    assert "max abs error" in why_not(worst_of(agreements), tolerance)
    found = worst_of([agreements[1], agreement(REFERENCE, REFERENCE * 0.5)])
    assert found.snr_db == pytest.approx(6.0, abs=0.1)
    assert worst_of(agreements).top1_agreement == 1.0
    broken = agreement(REFERENCE, np.full_like(REFERENCE, np.nan))
    assert worst_of([agreements[0], broken]).max_abs is None


def test_a_silent_reference_allows_nothing_else():
    silence = np.zeros((2, 3), np.float32)
    assert why_not(agreement(silence, silence), TIGHT) is None
    assert why_not(agreement(silence, silence + 1e-9), TIGHT)


def test_shapes_must_match():
    with pytest.raises(ValueError, match=r"\(64, 9\)"):
        agreement(REFERENCE, REFERENCE[:, :9])


def test_metric_drop():
    assert why_metric_not("top1", 98.0, 98.0, "points", TIGHT) is None
    assert why_metric_not("top1", 98.0, 97.9, "points", TIGHT) == "top1 fell from 98.00 to 97.90 points, more than 0"
    assert why_metric_not("top1", 98.0, float("nan"), "points", TIGHT)


def test_a_metric_without_a_limit_may_lose_rounding_only():
    assert why_metric_not("neg_mae", -80.12, -80.121, "points", TIGHT) is None
    found = why_metric_not("neg_mae", -80.12, -80.2, "points", TIGHT)
    assert found == "neg_mae fell from -80.12 to -80.20 points, and the target has no metric_drop = { neg_mae = … }"
