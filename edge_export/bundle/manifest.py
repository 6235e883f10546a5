"""`manifest.json`, schema 1.0: what was built, from what, and where it lies in the bundle."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_export.spec.agreement import Agreement
from edge_export.spec.fields import Name, Record, RelativePath, Sha256, Text
from edge_export.spec.tensors import IO
from edge_export.spec.tolerance import Tolerance

FILE_NAME = "manifest.json"

Status = Literal["passed", "failed", "unverified", "error"]


class File(Record):
    """One file of the bundle; a `.mlpackage` folder counts as one."""

    path: RelativePath
    sha256: Sha256
    bytes: int = Field(ge=0)


class Attempt(Record):
    """A scheme of a precision that was tried and did not hold, and why."""

    scheme: Name
    reason: Text


class Artifact(Record):
    """One compiled file: member × format × backend × precision.

    Attributes:
        scheme: How it got to its precision; empty where there is only one way.
        attempts: The schemes that were tried before.
        file, io: None when it did not compile.
        notes: What the converter has to say about it.
        size_ratio: Its bytes by those of the float32 file of its format and backend; None where there is no such file.
        tolerance: The limits that hold for it.
        status: The worst verdict of all runtimes that ran it.
    """

    format: Name
    backend: Name
    precision: Name
    scheme: str = Field(default="", pattern="^[a-z0-9_]*$")
    attempts: tuple[Attempt, ...] = ()
    file: File | None
    io: IO | None
    notes: tuple[Text, ...] = ()
    size_ratio: float | None = Field(default=None, gt=0)
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


class Variant(Record):
    """What was approximated on purpose in a member, and what that costs.

    Attributes:
        name: Such as "gates=static".
        agreement: The member with it, relative to the mother without it, on the goldens.
        metric_without: The task metric of the mother without it.
    """

    name: Text
    agreement: Agreement
    metric_without: float | None


class Member(Record):
    """One fixed network of the family.

    Attributes:
        config: The text that names its configuration on the command line.
        options: Of its baker.
        io: Its inputs and outputs; an artifact's own may differ in names and layouts.
        latency_ms: Its algorithmic latency in ms, if it streams.
        variant: Its approximation, if it is one; then golden and metric are those of the approximated mother.
        golden: The mother's reference outputs at that configuration.
        extremes: The mother's outputs on inputs that no recording holds.
        sounds: Those outputs to listen to, if they are sound.
        metric: The mother's task metric at that configuration, on the held-out set.
    """

    name: Name
    config: Text
    options: dict[Name, bool | int | float | str] = Field(default_factory=dict)
    io: IO
    latency_ms: float | None = None
    params: int = Field(ge=0)
    macs: int = Field(ge=0)
    peak_activation_bytes: int = Field(ge=0)
    calibration_batches: int = Field(ge=0)
    tolerance: Tolerance
    folded: int = Field(ge=0)
    refused: tuple[Refusal, ...]
    golden: File
    extremes: File
    sounds: tuple[File, ...] = ()
    metric: float | None
    variant: Variant | None = None
    artifacts: tuple[Artifact, ...]


class MotherEntry(Record):
    """The mother.

    Attributes:
        spec: A catalog name or `package.module:factory`.
        task: What it is for; None in bundles from before there were several.
        checkpoint_sha256: Of the file that the weights came from; None where its factory made them.
    """

    spec: Text
    task: Name | None = None
    checkpoint_sha256: Sha256 | None


class Recorded(Record):
    """The recorded data in the bundle.

    Attributes:
        metric: The name of the task metric.
        unit: Of its values.
        baseline: Its value for doing nothing, such as the SI-SDR of the mixture; None where there is no such thing.
        inputs: The golden inputs.
        held_out: The held-out set with its targets.
        extremes: Inputs that no recording holds, in addition.
        sounds: The golden inputs to listen to, if they are sound.
    """

    metric: Name
    unit: Text = ""
    baseline: float | None = None
    inputs: File
    held_out: File | None
    extremes: File
    sounds: tuple[File, ...] = ()


class Manifest(Record):
    """The whole of `manifest.json`."""

    schema_version: Literal["1.0"] = Field(alias="schema")
    target: Name
    mother: MotherEntry
    tools: dict[Name, Text]
    recorded: Recorded
    members: tuple[Member, ...] = Field(min_length=1)
