"""`numerics.json`: the agreement of every stage and every artifact with the mother."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edge_export.bundle.manifest import Status
from edge_export.spec.agreement import Agreement
from edge_export.spec.fields import DeviceName, Name, Record, Text
from edge_export.spec.results import Extreme, Stage, TaskMetric

FILE_NAME = "numerics.json"
LOCAL = "local"
"""The name of this machine among the devices."""


class ArtifactRun(Record):
    """The result of one artifact in one runtime.

    Attributes:
        artifact: The artifact's label.
        device: Where it ran, as `--device` names it.
        agreement: The agreement with the mother on the goldens. None: it was not run.
        metric: The task metric on the held-out set.
        extremes: The errors on extreme inputs that no recording contains.
        repeatable: Whether a second run gave the same bits.
        stages: The intermediate files of the conversion.
        by_documentation: The operators of the file whose semantics rest on their vendor's documentation only: the
            runtime is not the vendor's own, and nobody has published what that does in every case.
    """

    artifact: Name
    runtime: Text
    device: DeviceName
    agreement: Agreement | None = None
    metric: TaskMetric | None = None
    extremes: tuple[Extreme, ...] = ()
    repeatable: bool | None = None
    stages: tuple[Stage, ...] = ()
    by_documentation: Annotated[tuple[Name, ...], Field(exclude_if=lambda names: not names)] = ()
    verdict: Status
    reason: Text

    def on_part(self, mothers: float | None) -> bool:
        """Returns whether the task metric is that of a part of the held-out set: the mother's on all differs there."""
        return self.metric is not None and mothers is not None and f"{self.metric.mother:.2f}" != f"{mothers:.2f}"


class MemberNumerics(Record):
    """The results of one member: its stages, and its artifacts in each runtime."""

    name: Name
    stages: tuple[Stage, ...]
    runs: tuple[ArtifactRun, ...]

    def runs_of(self, artifact: str) -> tuple[ArtifactRun, ...]:
        """Returns the runs of the artifact with this label, one for each runtime."""
        return tuple(run for run in self.runs if run.artifact == artifact)


class Numerics(Record):
    """The content of `numerics.json`. Agreements are on the goldens, relative to the mother at the configuration."""

    schema_version: Literal["1.0"] = Field(alias="schema")
    members: tuple[MemberNumerics, ...]
