"""`manifest.json`, schema 1.0: what was built, from what, and where it lies in the bundle."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_export.family.fields import IO, Name, Record, RelativePath, Sha256, Text
from edge_export.verify.tolerances import Tolerance

FILE_NAME = "manifest.json"

Status = Literal["passed", "failed", "unverified", "error"]


class File(Record):
    """One file of the bundle; a `.mlpackage` folder counts as one."""

    path: RelativePath
    sha256: Sha256
    bytes: int = Field(ge=0)


class Artifact(Record):
    """One compiled file: member × format × backend × precision; `file` and `io` are None when it did not compile."""

    format: Name
    backend: Name
    precision: Name
    file: File | None
    io: IO | None
    tolerance: Tolerance
    status: Status
    reason: Text

    @property
    def label(self) -> str:
        return f"{self.format}-{self.backend}-{self.precision}"


class Refusal(Record):
    """A layer that a baking rule matched and left, and why."""

    rule: Name
    layer: Text
    reason: Text


class Member(Record):
    """One fixed network of the family.

    Attributes:
        config: The text that names its configuration on the command line.
        golden: The mother's reference outputs at that configuration.
        metric: The mother's task metric at that configuration, on the held-out set.
    """

    name: Name
    config: Text
    params: int = Field(ge=0)
    macs: int = Field(ge=0)
    peak_activation_bytes: int = Field(ge=0)
    calibration_batches: int = Field(ge=0)
    tolerance: Tolerance
    folded: int = Field(ge=0)
    refused: tuple[Refusal, ...]
    golden: File
    metric: float | None
    artifacts: tuple[Artifact, ...]


class MotherEntry(Record):
    """Where the weights came from; `spec` is a catalog name or `package.module:factory`."""

    spec: Text
    checkpoint_sha256: Sha256 | None


class Recorded(Record):
    """The recorded data in the bundle: golden inputs, and the held-out set with its targets."""

    metric: Name
    inputs: File
    held_out: File | None


class Manifest(Record):
    """The whole of `manifest.json`."""

    schema_version: Literal["1.0"] = Field(alias="schema")
    target: Name
    mother: MotherEntry
    tools: dict[Name, Text]
    io: IO
    recorded: Recorded
    members: tuple[Member, ...] = Field(min_length=1)
