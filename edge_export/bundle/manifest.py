"""`manifest.json`, schema 1.0: what was built, from what, and where it is in the bundle."""

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
    """One file of the bundle. A `.mlpackage` folder counts as one file."""

    path: RelativePath
    sha256: Sha256
    bytes: int = Field(ge=0)


class Attempt(Record):
    """A scheme of a precision that was tried and rejected, and the reason."""

    scheme: Name
    reason: Text


class RunsIn(Record):
    """Which versions of its format's runtime an artifact is for, as measured.

    Attributes:
        runs_from: The oldest version that runs it.
        full_speed_from: The oldest version that is not much slower than the newest. Empty: nobody has measured that.
    """

    runs_from: Text
    full_speed_from: Text = ""


class Artifact(Record):
    """One compiled file: member × format × backend × precision.

    Attributes:
        scheme: The scheme of its precision. Empty: the precision has only one.
        attempts: The schemes that were tried before and rejected.
        file, io: The compiled file, its inputs and outputs. None: it did not compile.
        notes: Remarks of the converter.
        runs_in: The versions of its runtime that it is for. None: that is not known of its format.
        size_ratio: Its bytes divided by those of the float32 file of its format and backend. None: there is no such
            file.
        tolerance: The limits that apply to it.
        status: The worst verdict of all runtimes.
        reason: The reason of that verdict.
    """

    format: Name
    backend: Name
    precision: Name
    scheme: str = Field(default="", pattern="^[a-z0-9_]*$")
    attempts: tuple[Attempt, ...] = ()
    file: File | None
    io: IO | None
    notes: tuple[Text, ...] = ()
    runs_in: RunsIn | None = None
    size_ratio: float | None = Field(default=None, gt=0)
    tolerance: Tolerance
    status: Status
    reason: Text

    @property
    def label(self) -> str:
        return f"{self.format}-{self.backend}-{self.precision}"


class Refusal(Record):
    """A layer that a baking rule matched but did not change, and the reason."""

    rule: Name
    layer: Text
    reason: Text


class Variant(Record):
    """An approximation of a member, and its cost.

    Attributes:
        name: The name of the approximation, such as "gates=static".
        agreement: The agreement of the approximated member with the mother without the approximation, on the goldens.
        metric_without: The task metric of the mother without the approximation.
    """

    name: Text
    agreement: Agreement
    metric_without: float | None


class Member(Record):
    """One fixed network of the family.

    Attributes:
        config: The text that names its configuration on the command line.
        options: The options of its baker.
        io: Its inputs and outputs. Those of an artifact may differ in names and layouts.
        latency_ms: Its algorithmic latency in ms, if it streams.
        macs: Multiply-accumulates of a call. See `members/complexity.py` for all costs.
        weight_bytes: The size of its weights and constants in float32. None: a bundle of an earlier version.
        peak_activation_bytes: The largest sum of activations, inputs, outputs and states that are live at once.
        calibration_batches: The number of batches for its BatchNorm statistics.
        tolerance: The limits for its stages.
        folded: The number of layers that baking rules folded.
        refused: The layers that baking rules matched but did not change.
        golden: The mother's outputs on the golden inputs at that configuration.
        extremes: The mother's outputs on extreme inputs that no recording contains.
        sounds: The golden outputs as sound files, if they are sound.
        metric: The mother's task metric at that configuration, on the held-out set.
        variant: Its approximation, if it has one. Golden and metric are then those of the approximated mother.
    """

    name: Name
    config: Text
    options: dict[Name, bool | int | float | str] = Field(default_factory=dict)
    io: IO
    latency_ms: float | None = None
    params: int = Field(ge=0)
    macs: int = Field(ge=0)
    weight_bytes: int | None = Field(default=None, ge=0)
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

    @property
    def macs_per_second(self) -> float | None:
        """Multiply-accumulates for one second of sound. None: it does not stream."""
        stream = self.io.stream
        return None if stream is None else self.macs * stream.sample_rate / stream.samples


class FailedMember(Record):
    """A member that was asked for and could not be made.

    Attributes:
        config: The text that names its configuration on the command line.
        reason: What failed, in one line.
    """

    name: Name
    config: Text
    reason: Text


class MotherEntry(Record):
    """The mother that the family was built from.

    Attributes:
        spec: A catalog name or `package.module:factory`.
        task: The name of its task. None: an old bundle that does not name it.
        checkpoint_sha256: The sha256 of the checkpoint. None: the factory made the weights.
    """

    spec: Text
    task: Name | None = None
    checkpoint_sha256: Sha256 | None


class Recorded(Record):
    """The recorded data in the bundle.

    Attributes:
        metric: The name of the task metric.
        unit: The unit of the metric's values.
        baseline: The metric's value without a network, such as the SI-SDR of the mixture. None: there is none.
        inputs: The golden inputs.
        held_out: The held-out set with its targets.
        extremes: Extreme inputs that no recording contains.
        sounds: The golden inputs as sound files, if they are sound.
    """

    metric: Name
    unit: Text = ""
    baseline: float | None = None
    inputs: File
    held_out: File | None
    extremes: File
    sounds: tuple[File, ...] = ()


class Manifest(Record):
    """The content of `manifest.json`.

    Attributes:
        errors: The members that could not be made. The file leaves the field out where there are none.
        taken_from: For an app's family: the sha256 of the manifest of the bundle that it was taken from. Its goldens,
            and artifacts that the app does not need, were left out. None: a whole bundle.
    """

    schema_version: Literal["1.0"] = Field(alias="schema")
    target: Name
    mother: MotherEntry
    tools: dict[Name, Text]
    recorded: Recorded
    members: tuple[Member, ...] = Field(min_length=1)
    errors: tuple[FailedMember, ...] = Field(default=(), exclude_if=lambda errors: not errors)
    taken_from: Sha256 | None = None
