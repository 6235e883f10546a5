"""`numerics.json`: how every stage and every artifact compared with the mother."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_export.family.fields import Name, Record, Text
from edge_export.family.manifest import Status
from edge_export.verify.metrics import Agreement
from edge_export.verify.results import Metric, Stage

FILE_NAME = "numerics.json"


class ArtifactRun(Record):
    """One artifact in one runtime; `agreement` is None when nothing here could run it."""

    artifact: Name
    runtime: Text
    device: Name
    agreement: Agreement | None
    metric: Metric | None
    verdict: Status
    reason: Text


class MemberNumerics(Record):
    name: Name
    stages: tuple[Stage, ...]
    runs: tuple[ArtifactRun, ...]


class Numerics(Record):
    """The whole of `numerics.json`; agreements are on the goldens, relative to the mother at the configuration."""

    schema_version: Literal["1.0"] = Field(alias="schema")
    members: tuple[MemberNumerics, ...]
