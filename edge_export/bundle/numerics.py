"""`numerics.json`: how every stage and every artifact compared with the mother."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_export.bundle.manifest import Status
from edge_export.spec.agreement import Agreement
from edge_export.spec.fields import Name, Record, Text
from edge_export.spec.results import Extreme, Stage, TaskMetric

FILE_NAME = "numerics.json"


class ArtifactRun(Record):
    """One artifact in one runtime.

    Attributes:
        agreement: None when nothing here could run it.
        extremes: On inputs that no recording holds.
        repeatable: Whether running it again gave the same bits.
        stages: What the way from the member to the file passed through.
    """

    artifact: Name
    runtime: Text
    device: Name
    agreement: Agreement | None = None
    metric: TaskMetric | None = None
    extremes: tuple[Extreme, ...] = ()
    repeatable: bool | None = None
    stages: tuple[Stage, ...] = ()
    verdict: Status
    reason: Text


class MemberNumerics(Record):
    name: Name
    stages: tuple[Stage, ...]
    runs: tuple[ArtifactRun, ...]

    def runs_of(self, artifact: str) -> tuple[ArtifactRun, ...]:
        """The runs of the artifact with this label, one for each runtime."""
        return tuple(run for run in self.runs if run.artifact == artifact)


class Numerics(Record):
    """The whole of `numerics.json`; agreements are on the goldens, relative to the mother at the configuration."""

    schema_version: Literal["1.0"] = Field(alias="schema")
    members: tuple[MemberNumerics, ...]
