"""What a device says of itself, and the times that it measured: records that runners write and bundles keep."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from edge_export.spec.fields import Name, Record, Text


class DeviceState(Record):
    """What may slow a device down, at one moment. None: the device does not say.

    Attributes:
        temperature_c: The battery's or the processor's temperature in degrees Celsius.
        thermal_status: Android's thermal status, 0 (none) to 6, or Apple's thermal state, 0 to 3.
        battery_percent: The charge.
        charging: Whether power is connected.
        governors: The frequency governor of each core, or of all.
        frequencies_khz: The current frequency of each core.
        load: The number of runnable processes, averaged over a minute.
        screen_on: Whether the screen is on.
        cooled: Whether it was cool enough for a measurement; False: it still was not after a long wait. None: nobody
            looked.
    """

    temperature_c: FiniteFloat | None = None
    thermal_status: int | None = None
    battery_percent: FiniteFloat | None = None
    charging: bool | None = None
    governors: tuple[Text, ...] = ()
    frequencies_khz: tuple[int, ...] = ()
    load: FiniteFloat | None = None
    screen_on: bool | None = None
    cooled: bool | None = None


class DeviceFacts(Record):
    """The content of `device.json`.

    Attributes:
        runner: The name and version of the runner.
        model: What its owner calls it, such as "Pixel 8" or "Raspberry Pi 5 Model B".
        soc: The system on chip or processor.
        os: Name and version of the system.
        arch: The architecture, as `uname -m` says it.
        runtimes: The versions of its runtimes, by format.
        emulated: Whether the processor is emulated: then no time is a latency.
        before, after: The state at the start and at the end of the run.
    """

    schema_version: Literal["1.0"] = Field(alias="schema")
    runner: Text
    model: Text
    soc: Text = ""
    os: Text = ""
    arch: Text = ""
    cores: int | None = Field(default=None, ge=1)
    memory_bytes: int | None = Field(default=None, ge=0)
    runtimes: dict[Name, Text] = Field(default_factory=dict)
    emulated: bool = False
    before: DeviceState = DeviceState()
    after: DeviceState | None = None


class Samples(Record):
    """The content of `samples.json`: the times of one bench item.

    Attributes:
        load_ms: From the file to a runtime that is ready.
        first_ms: The first call.
        warm_up_calls: Calls before the samples, the first one not counted.
        stable: Whether the warm-up ended because it was stable, not because its time was over.
        calls_per_sample: Each sample is the mean of so many calls, where the clock is too coarse for one.
        call_ms: The samples, in order, in milliseconds a call.
    """

    schema_version: Literal["1.0"] = Field(alias="schema")
    load_ms: FiniteFloat = Field(ge=0)
    first_ms: FiniteFloat = Field(ge=0)
    warm_up_calls: int = Field(ge=0)
    stable: bool
    calls_per_sample: int = Field(default=1, ge=1)
    call_ms: tuple[Annotated[FiniteFloat, Field(gt=0)], ...] = Field(min_length=1, max_length=1_000_000)
