"""What verification found, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from edge_export.verify.metrics import Agreement


@dataclass(frozen=True)
class Stage:
    """How one stage agrees with the mother on the goldens; `reason` says what exceeds the tolerance, or is empty."""

    name: str
    agreement: Agreement
    reason: str


@dataclass(frozen=True)
class Approximation:
    """What a member approximates on purpose: how it then agrees with the exact one, whose task metric is `metric`."""

    name: str
    agreement: Agreement
    metric: float | None


@dataclass(frozen=True)
class Metric:
    """The task metric on `count` held-out samples, of the mother at the configuration and of the artifact."""

    name: str
    unit: str
    mother: float
    artifact: float
    count: int


@dataclass(frozen=True)
class Measured:
    """How an artifact ran; `reason` says what exceeds the tolerance, or is empty; `seconds` it took to load and run."""

    runtime: str
    agreement: Agreement
    metric: Metric | None
    reason: str
    seconds: float
