"""The agreement of a result with a reference: SNR, largest error, top-1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edge_export.files.arrays import Array

SNR_LIMIT_DB = 200.0
"""SNR is limited to ± this value. Equal bits give the positive limit, a result that is not finite the negative one."""


@dataclass(frozen=True)
class Agreement:
    """The agreement of a result with its reference.

    Attributes:
        snr_db: The signal-to-noise ratio over all values, in dB, within ±`SNR_LIMIT_DB`.
        max_abs: The largest absolute error; None: the result is NaN or infinite where the
            reference is not, or the other way round.
        peak: The largest absolute value of the reference that is finite.
        top1_agreement: The share of samples with the same largest output; None: the output is not a row of scores.
    """

    snr_db: float
    max_abs: float | None
    peak: float
    top1_agreement: float | None = None


def agreement(reference: Array, result: Array, *, scores: bool = False, extreme: bool = False) -> Agreement:
    """Compares `result` with `reference`, both `(count, …)`.

    Where the reference is infinite, as by the -inf of a mask, the result must be the same; the other values are
    measured. NaN agrees with nothing, unless the input is extreme: 0 / 0 on silence is NaN in a right file, too.

    Args:
        reference: The reference.
        result: The result.
        scores: Whether the last axis holds one score per class.
        extreme: Whether the input is one that no recording holds. NaN then agrees with NaN, and nothing has to be
            finite.

    Raises:
        ValueError: The shapes differ.
    """
    if reference.shape != result.shape:
        raise ValueError(f"the result has shape {result.shape}, but the reference has {reference.shape}")
    expected, actual = reference.astype(np.float64), result.astype(np.float64)
    finite = np.isfinite(expected)
    peak = float(np.abs(expected[finite]).max(initial=0.0))
    same_places = np.array_equal(expected[~finite], actual[~finite], equal_nan=extreme)
    if not same_places or not np.isfinite(actual[finite]).all() or not (extreme or finite.any()):
        return Agreement(-SNR_LIMIT_DB, None, peak, 0.0 if scores else None)
    same = float(np.mean(expected.argmax(-1) == actual.argmax(-1))) if scores else None
    expected, actual = expected[finite], actual[finite]
    error = actual - expected
    return Agreement(ratio_db(expected, error), float(np.abs(error).max(initial=0.0)), peak, same)


def worst_of(agreements: Sequence[Agreement]) -> Agreement:
    """Returns the lowest SNR and the largest error of several outputs; they may belong to different outputs."""
    noisiest = min(agreements, key=lambda a: a.snr_db)
    farthest = max(agreements, key=_share_of_peak)
    scores = next((a.top1_agreement for a in agreements if a.top1_agreement is not None), None)
    return replace(noisiest, max_abs=farthest.max_abs, peak=farthest.peak, top1_agreement=scores)


def _share_of_peak(agreement: Agreement) -> float:
    if agreement.max_abs is None:
        return np.inf
    return agreement.max_abs / max(agreement.peak, float(np.finfo(np.float64).tiny))


def ratio_db(signal: Array, noise: Array) -> float:
    """Returns the ratio of two powers in dB, within ±`SNR_LIMIT_DB`."""
    signal_power, noise_power = float(np.square(signal).sum()), float(np.square(noise).sum())
    if noise_power == 0.0:
        return SNR_LIMIT_DB
    if signal_power == 0.0:
        return -SNR_LIMIT_DB
    return float(np.clip(10.0 * np.log10(signal_power / noise_power), -SNR_LIMIT_DB, SNR_LIMIT_DB))
