"""How much an artifact may differ from its mother."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from edge_export.spec.agreement import Agreement
from edge_export.spec.results import Extreme


class Tolerance(BaseModel):
    """The limits of one format at one precision.

    Attributes:
        snr_db: Least signal-to-noise ratio, in dB.
        max_abs_of_peak: Largest absolute error, as a share of the reference's largest absolute value, since logits
            and samples have no common scale.
        metric_drop: Largest loss of the task metric, in the metric's unit, by the metric's name.
        extremes_of_peak: Largest absolute error on inputs that no recording holds, as a share of the outputs' peak on
            the goldens.
        max_size_ratio: Most bytes of a file, as a share of the float32 file's of the same format and backend; None for
            any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    snr_db: float = Field(ge=0, le=200)
    max_abs_of_peak: float = Field(ge=0, le=1)
    metric_drop: dict[str, float] = Field(default_factory=dict)
    extremes_of_peak: float = Field(default=1e-3, ge=0, le=10)
    max_size_ratio: float | None = Field(default=None, gt=0, le=10)


def why_not(agreement: Agreement, tolerance: Tolerance) -> str | None:
    """What exceeds `tolerance`, with the measured value and the limit; None when nothing does."""
    if agreement.max_abs is None:
        return "the result holds NaN or infinite values"
    if not agreement.snr_db >= tolerance.snr_db:
        return f"SNR {agreement.snr_db:.1f} dB is below {tolerance.snr_db:g} dB"
    limit = tolerance.max_abs_of_peak * agreement.peak
    if not agreement.max_abs <= limit:
        return f"max abs error {agreement.max_abs:.2g} is above {limit:.2g}"
    return None


def why_metric_not(name: str, mother: float, artifact: float, unit: str, tolerance: Tolerance) -> str | None:
    """How much more of the task metric `name` was lost than `tolerance` allows; None when it holds."""
    allowed = tolerance.metric_drop.get(name, 0.0)
    if not mother - artifact <= allowed + 1e-9:
        limit = (
            f"more than {allowed:g}" if name in tolerance.metric_drop else "and the target has no metric_drop for it"
        )
        return f"{name} fell from {mother:.2f} to {artifact:.2f} {unit}, {limit}"
    return None


def why_size_not(size_ratio: float | None, tolerance: Tolerance) -> str | None:
    """How much more of the float32 file's bytes are taken than `tolerance` allows; None when it holds."""
    limit = tolerance.max_size_ratio
    if limit is not None and size_ratio is not None and not size_ratio <= limit:
        return f"it takes {size_ratio:.3f} of the float32 file's bytes, more than {limit:g}"
    return None


def why_extremes_not(extremes: Iterable[Extreme], tolerance: Tolerance) -> str | None:
    """The first kind of extreme input whose result diverges by more than `tolerance` allows; None when none does."""
    for extreme in extremes:
        if extreme.error_of_peak is None:
            return f"on {extreme.name}, the result holds NaN or infinite values"
        if not extreme.error_of_peak <= tolerance.extremes_of_peak:
            return (
                f"on {extreme.name}, max abs error {extreme.error_of_peak:.2g} of the peak is above "
                f"{tolerance.extremes_of_peak:g}"
            )
    return None
