"""The tolerance of an artifact: how much it may differ from its mother."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from edge_export.spec.agreement import Agreement
from edge_export.spec.results import OWN_ROUNDINGS, Extreme

METRIC_ROUNDING = 1e-4
"""The share of its value that a metric may lose to float32 rounding where a target has no limit for it."""

WRONG_BELOW_DB = 20.0
"""Rounding alone keeps the SNR above this limit at any precision. Below it, the computation differs."""


class Tolerance(BaseModel):
    """The limits of one format at one precision.

    Attributes:
        snr_db: The lowest signal-to-noise ratio, in dB.
        max_abs_of_peak: The largest absolute error, as a share of the reference's largest absolute value. It is
            relative because logits and samples have no common scale.
        metric_drop: The largest loss of the task metric, in the metric's unit, by the metric's name. A metric without
            a limit may lose no more than rounding does, `METRIC_ROUNDING` of its value.
        extremes_of_peak: The largest absolute error on extreme inputs, as a share of the outputs' peak on the goldens.
        max_size_ratio: The largest size of a file, as a share of the float32 file of the same format and backend.
            None: any size.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    snr_db: float = Field(ge=0, le=200)
    max_abs_of_peak: float = Field(ge=0, le=1)
    metric_drop: dict[str, float] = Field(default_factory=dict)
    extremes_of_peak: float = Field(default=1e-3, ge=0, le=10)
    max_size_ratio: float | None = Field(default=None, gt=0, le=10)


def within_rounding(tolerance: Tolerance, rounding: Agreement | None) -> Tolerance:
    """Returns limits that float32 can meet, where the mother itself is rounded by more than `tolerance` allows.

    Args:
        rounding: The agreement of the mother with itself in float64. None: it was not measured.
    """
    if rounding is None or rounding.max_abs is None:
        return tolerance
    possible = rounding.snr_db - 20 * math.log10(OWN_ROUNDINGS)
    error = OWN_ROUNDINGS * rounding.max_abs / max(rounding.peak, 1e-300)
    return tolerance.model_copy(
        update={
            "snr_db": min(tolerance.snr_db, max(possible, WRONG_BELOW_DB)),
            "max_abs_of_peak": max(tolerance.max_abs_of_peak, min(error, 1.0)),
        }
    )


def why_lowered(stated: Tolerance, tolerance: Tolerance) -> tuple[str, ...]:
    """Returns a note that `within_rounding` changed the limits that a target states. Empty: it did not."""
    if (tolerance.snr_db, tolerance.max_abs_of_peak) == (stated.snr_db, stated.max_abs_of_peak):
        return ()
    return (
        "float32 rounds the mother's own outputs so far that the limits are "
        f"{tolerance.snr_db:.1f} dB and {tolerance.max_abs_of_peak:.1g} of the peak, "
        f"not {stated.snr_db:g} dB and {stated.max_abs_of_peak:g}",
    )


def why_not(agreement: Agreement, tolerance: Tolerance) -> str | None:
    """Returns what exceeds `tolerance`, with the measured value and the limit; None: nothing does."""
    if agreement.max_abs is None:
        return "the result holds NaN or infinite values"
    if not agreement.snr_db >= tolerance.snr_db:
        return f"SNR {agreement.snr_db:.1f} dB is below {tolerance.snr_db:g} dB"
    limit = tolerance.max_abs_of_peak * agreement.peak
    if not agreement.max_abs <= limit:
        return f"max abs error {agreement.max_abs:.2g} is above {limit:.2g}"
    return None


def why_metric_not(name: str, mother: float, artifact: float, unit: str, tolerance: Tolerance) -> str | None:
    """Returns why the loss of the task metric `name` exceeds `tolerance`; None: it does not."""
    allowed = tolerance.metric_drop.get(name, METRIC_ROUNDING * abs(mother))
    if not mother - artifact <= allowed + 1e-9:
        known = name in tolerance.metric_drop
        limit = f"more than {allowed:g}" if known else f"and the target has no metric_drop = {{ {name} = … }}"
        return f"{name} fell from {mother:.2f} to {artifact:.2f} {unit}, {limit}"
    return None


def why_size_not(size_ratio: float | None, tolerance: Tolerance) -> str | None:
    """Returns by how much a file is larger than `tolerance` allows; None: it is small enough."""
    limit = tolerance.max_size_ratio
    if limit is not None and size_ratio is not None and not size_ratio <= limit:
        return f"it takes {size_ratio:.3f} of the float32 file's bytes, more than {limit:g}"
    return None


def why_extremes_not(extremes: Iterable[Extreme], tolerance: Tolerance) -> str | None:
    """Returns the first kind of extreme input whose error exceeds `tolerance`; None: there is none.

    Where the mother is ambiguous, nothing can exceed it.
    """
    for extreme in extremes:
        if extreme.is_ambiguous:
            continue
        if extreme.error_of_peak is None:
            return f"on {extreme.name}, the result holds NaN or infinite values"
        limit = max(tolerance.extremes_of_peak, OWN_ROUNDINGS * (extreme.moves_of_peak or 0.0))
        if not extreme.error_of_peak <= limit:
            return f"on {extreme.name}, max abs error {extreme.error_of_peak:.2g} of the peak is above {limit:g}"
    return None
