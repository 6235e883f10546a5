"""What verification found, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from edge_export.spec.agreement import Agreement


@dataclass(frozen=True)
class Stage:
    """How one stage agrees with the mother on the goldens; `reason` says what exceeds the tolerance, or is empty."""

    name: str
    agreement: Agreement
    reason: str = ""


@dataclass(frozen=True)
class Approximation:
    """What a member approximates on purpose: how it then agrees with the exact one, whose task metric is `metric`."""

    name: str
    agreement: Agreement
    metric: float | None


@dataclass(frozen=True)
class TaskMetric:
    """The task metric on `count` held-out samples, of the mother at the configuration and of the artifact."""

    name: str
    unit: str
    mother: float
    artifact: float
    count: int


@dataclass(frozen=True)
class Extreme:
    """The largest error on one kind of extreme input, as a share of the outputs' peak; None when it is not finite."""

    name: str
    error_of_peak: float | None


@dataclass(frozen=True)
class Measured:
    """How an artifact ran, free of any tolerance.

    Attributes:
        runtime: Its name and version.
        agreement: The worst output's, on the goldens.
        extremes: On inputs that no recording holds.
        repeatable: Whether loading and running it again gave the same bits.
        finite: Whether all of its outputs are, on the goldens and on the held-out set.
        stages: How the files on the route to it agree with the mother.
        seconds: It took to load and run, all runs together.
    """

    runtime: str
    agreement: Agreement
    metric: TaskMetric | None
    extremes: tuple[Extreme, ...]
    repeatable: bool
    finite: bool
    stages: tuple[Stage, ...]
    seconds: float
