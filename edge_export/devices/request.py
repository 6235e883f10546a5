"""The request folder, the one contract between this machine and every runner: Python, Kotlin and Swift.

    request.json        what to run: `Request`
    artifacts/ inputs/  files named by their content
    results/<item>/     outputs.safetensors (verify), samples.json (bench), status.json; written whole or not at all
    device.json         `DeviceFacts`: the device before and after

A runner works through the items in their order. An item is final when its `status.json` is written: that file comes
last. A lost link or a crash of a runtime then costs one item, and a second start of the runner skips finished items.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from edge_export.spec.device import DeviceFacts as DeviceFacts
from edge_export.spec.device import DeviceState as DeviceState
from edge_export.spec.device import Samples as Samples
from edge_export.spec.fields import Name, Record, RelativePath, Sha256, Text
from edge_export.spec.tensors import IO

REQUEST, DEVICE, STATUS = "request.json", "device.json", "status.json"
OUTPUTS, SAMPLES = "outputs.safetensors", "samples.json"

Mode = Literal["verify", "bench", "memory"]
Outcome = Literal["done", "failed", "unsupported"]


class Part(Record):
    """A file of the request folder. A `.mlpackage` folder counts as one file; its sha256 is that of its tree."""

    path: RelativePath
    sha256: Sha256
    bytes: int = Field(ge=0)


class BenchPlan(Record):
    """How a runner times one artifact.

    Attributes:
        warm_up_seconds: The longest warm-up. It ends earlier when the medians of consecutive windows differ by less
            than 2 %.
        seconds: The duration of the steady state that is sampled.
        min_samples: The fewest samples; the runner goes on past `seconds` until it has them.
    """

    warm_up_seconds: float = Field(default=2.0, ge=0, le=60)
    seconds: float = Field(default=1.0, gt=0, le=60)
    min_samples: int = Field(default=20, ge=1, le=100_000)


class Item(Record):
    """One run of one artifact.

    Attributes:
        id: Unique in the request; the name of its folder in `results/`.
        member: The name of the member.
        label: The label of the artifact: format-backend-precision.
        mode: "verify" runs all samples of `inputs` and writes their outputs. "bench" loads the artifact, calls it once,
            warms it up and samples the steady state. "memory" loads it, calls it a few times and reports its peak.
        artifact: The compiled file.
        io, member_io: The inputs and outputs of the artifact, and those of the member. Both have the same order.
            Samples are in the member's names and layouts.
        inputs: Recorded inputs, `(count, …)` each. If the member has state, it starts at zero and is fed back. If it
            streams, each sample is a recording of any length, which the runner splits into calls.
        threads: The threads of the runtime, including those of a shared pool.
        repeat: Whether to load and run everything a second time and compare the bits; verify only.
        plan: Bench only.
        timeout_s: The time limit of this item.
    """

    id: Name
    member: Name
    label: Name
    mode: Mode
    format: Name
    artifact: Part
    io: IO
    member_io: IO
    inputs: Part
    threads: int = Field(default=1, ge=1, le=64)
    repeat: bool = False
    plan: BenchPlan | None = None
    timeout_s: float = Field(default=600.0, gt=0, le=86_400)


class Request(Record):
    """The content of `request.json`.

    Attributes:
        run_id: Random, the same in every status: results of another run are refused.
        bundle: The sha256 of the bundle's manifest.json.
    """

    schema_version: Literal["1.0"] = Field(alias="schema")
    run_id: Name
    bundle: Sha256
    items: tuple[Item, ...] = Field(min_length=1, max_length=100_000)

    @model_validator(mode="after")
    def _check_names(self) -> Request:
        names = [item.id for item in self.items]
        if len(set(names)) < len(names):
            raise ValueError("two items have the same id")
        return self


class ItemStatus(Record):
    """The content of `status.json`: an item is final when this is written.

    Attributes:
        run_id, item: Those of the request.
        outcome: "done"; "failed" with a reason; "unsupported" if the runtime lacks operators, named in the reason.
        runtime: The name and version of the runtime, if it could be loaded.
        outputs, samples: The file beside it, for verify and for bench.
        count: The number of samples that were run.
        load_seconds, seconds: The time to load the artifact, and that of all calls together.
        repeatable: Whether the second run gave the same bits; None: there was none.
        peak_memory_bytes: The process's peak of resident memory minus what it held before loading; memory only.
        before, after: The device's state around this item.
    """

    schema_version: Literal["1.0"] = Field(alias="schema")
    run_id: Name
    item: Name
    outcome: Outcome
    reason: Text = ""
    runtime: Text = ""
    outputs: Part | None = None
    samples: Part | None = None
    count: int = Field(default=0, ge=0)
    load_seconds: float = Field(default=0.0, ge=0)
    seconds: float = Field(default=0.0, ge=0)
    repeatable: bool | None = None
    peak_memory_bytes: int | None = Field(default=None, ge=0)
    before: DeviceState | None = None
    after: DeviceState | None = None
