"""`perf.json`, schema 1.0: how fast each artifact is on each device, with every sample.

It is apart from `manifest.json`, so that measuring again never rebuilds. It names the manifest that it belongs to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from edge_export.bundle import manifest as manifest_file
from edge_export.bundle.folder import Bundle, read_record, write_record
from edge_export.errors import RequestError
from edge_export.files.hashing import file_sha256
from edge_export.spec.device import DeviceFacts, DeviceState
from edge_export.spec.fields import DeviceName, Name, Record, Sha256, Text

Outcome = Literal["done", "failed", "unsupported"]

FILE_NAME = "perf.json"

Milliseconds = Annotated[FiniteFloat, Field(ge=0)]
Ratio = Annotated[FiniteFloat, Field(ge=0)]


class Interval(Record):
    """A 95 % interval of a bootstrap."""

    low: FiniteFloat
    high: FiniteFloat


class Round(Record):
    """One round: the artifact was loaded, called once, warmed up, and sampled.

    Attributes:
        load_ms: From the file to a runtime that is ready.
        first_ms: The first call.
        warm_up_calls: Calls between the first one and the samples.
        stable: Whether the warm-up ended because it was stable, not because its time was over.
        calls_per_sample: Each sample is the mean of so many calls.
        samples: The samples of the steady state, as `bundle.series` packs them.
        count: The number of samples.
        before, after: The device's state around this round.
    """

    load_ms: Milliseconds
    first_ms: Milliseconds
    warm_up_calls: int = Field(ge=0)
    stable: bool
    calls_per_sample: int = Field(ge=1)
    samples: str = Field(max_length=16_000_000)
    count: int = Field(ge=1, le=1_000_000)
    before: DeviceState | None = None
    after: DeviceState | None = None


class Latency(Record):
    """The times of one artifact on one device, in milliseconds a call.

    Attributes:
        load_ms, first_ms: Loading and the first call: medians of the rounds.
        noisy: Whether the medians of the rounds differ by more than 10 %. The steady state is then not summarized.
        spread: By how much they differ: the highest divided by the lowest, minus one.
        round_median_ms, round_p90_ms: The median and the 90th percentile of each round.
        median_ms: The median of the rounds' medians. None: noisy.
        interval: The 95 % interval of `median_ms`. None: noisy.
        p90_ms, p99_ms: Percentiles of all samples. None: noisy.
        worst_ms: The slowest sample of the steady state.
        real_time_factor: `median_ms` divided by the duration of the audio of a call. None: noisy, or not a stream.
        worst_real_time_factor: `worst_ms` divided by that duration. None: not a stream.
        rounds: The rounds, in order.
    """

    load_ms: Milliseconds
    first_ms: Milliseconds
    noisy: bool
    spread: Ratio
    round_median_ms: tuple[Milliseconds, ...] = Field(min_length=1)
    round_p90_ms: tuple[Milliseconds, ...] = Field(min_length=1)
    median_ms: Milliseconds | None
    interval: Interval | None
    p90_ms: Milliseconds | None
    p99_ms: Milliseconds | None
    worst_ms: Milliseconds
    real_time_factor: Ratio | None = None
    worst_real_time_factor: Ratio | None = None
    rounds: tuple[Round, ...] = Field(min_length=1, max_length=1000)


class ArtifactPerf(Record):
    """One artifact on one device, with one number of threads.

    Attributes:
        member, artifact: The names of the member and of the artifact.
        outcome: "done"; "failed"; "unsupported" if the device has no runtime for it, or that lacks operators.
        sha256: The sha256 of the compiled file.
        runtime: The name and version of the runtime. Empty: it could not be loaded.
        threads: The threads of the runtime.
        run: The id of the run that measured it. Only artifacts of one run had the same conditions.
        latency: None: it was not timed.
        peak_memory_bytes: The peak of the process's memory, minus what it held before loading; from a run of its own.
            None: not measured.
        reason: Why it failed or is unsupported.
    """

    member: Name
    artifact: Name
    outcome: Outcome = "done"
    sha256: Sha256
    runtime: Text = ""
    threads: int = Field(ge=1, le=64)
    run: Name
    latency: Latency | None = None
    peak_memory_bytes: int | None = Field(default=None, ge=0)
    reason: Text = ""

    @property
    def key(self) -> tuple[str, str, int]:
        return (self.member, self.artifact, self.threads)


class DevicePerf(Record):
    """All artifacts on one device.

    Attributes:
        device: What `--device` names it.
        facts: What it says of itself, with its state before and after.
        indicative: Whether it is a phone of a farm that others use, too: nobody waited until it was cool and idle, so
            its times are a hint.
    """

    device: DeviceName
    facts: DeviceFacts
    artifacts: tuple[ArtifactPerf, ...]
    indicative: bool = False


class Perf(Record):
    """The content of `perf.json`.

    Attributes:
        bundle: The sha256 of the manifest that it belongs to.
        devices: One entry for each device, sorted by name.
    """

    schema_version: Literal["1.0"] = Field(alias="schema")
    bundle: Sha256
    devices: tuple[DevicePerf, ...] = ()

    def on(self, device: str) -> DevicePerf | None:
        """Returns the results of the device with this name. None: there are none."""
        return next((each for each in self.devices if each.device == device), None)


def manifest_sha256(root: Path) -> str:
    """Returns the sha256 of the manifest of the bundle in `root`: what tells bundles apart."""
    return file_sha256(root / manifest_file.FILE_NAME)


def read_perf(bundle: Bundle) -> Perf:
    """Returns the bundle's `perf.json`; an empty one if it has none.

    Raises:
        RequestError: It is not valid, or belongs to another bundle.
    """
    digest, path = manifest_sha256(bundle.root), bundle.root / FILE_NAME
    if not path.exists():
        return Perf(schema="1.0", bundle=digest)
    perf = read_perf_file(path)
    if perf.bundle != digest:
        raise RequestError(f"{path} was measured on another bundle: delete it, and run bench again")
    return perf


def read_perf_file(path: Path) -> Perf:
    """Returns the `perf.json` at `path`, of any bundle.

    Raises:
        RequestError: It is missing or not valid.
    """
    return read_record(path, Perf, "run bench again")


def write_perf(root: Path, perf: Perf) -> None:
    """Writes `perf.json` into the bundle in `root`, whole or not at all."""
    write_record(root / FILE_NAME, perf)


def with_results(perf: Perf, new: DevicePerf) -> Perf:
    """Returns `perf` with the results of `new`. Those replace older ones of the same artifact, device and threads."""
    old = perf.on(new.device)
    kept = {each.key: each for each in (() if old is None else old.artifacts)}
    kept |= {each.key: each for each in new.artifacts}
    merged = new.model_copy(update={"artifacts": tuple(kept[key] for key in sorted(kept))})
    others = [each for each in perf.devices if each.device != new.device]
    return perf.model_copy(update={"devices": tuple(sorted((*others, merged), key=lambda each: each.device))})
