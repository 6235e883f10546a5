"""Picks a member of a family for a device and a budget: a pure function of manifest, perf and device facts.

Apps have the same function in Kotlin and Swift; `tests/vectors/picker.json` holds all three to this text.

**Candidates.** An artifact may be picked if it has a file, its status is "passed", and `facts.runtimes` is empty or
has its format. Each number of threads with which it has a time or memory on a device that is not emulated makes a
candidate; if there is none, one thread does.

**Order.** Members are ordered from the smallest to the largest: by `macs`, then `params`, then their place in the
manifest. A larger member is a better one.

**Figures.** The time of a candidate on a device of perf is `p90_ms`, or the largest of `round_p90_ms` if it is noisy.
Its memory is `peak_memory_bytes`. Emulated devices have neither. A device is useful for a quantity if at least one
candidate has that figure there. The first rule that has useful devices decides:

1. "model": the useful devices whose normalized model is that of the facts, and not empty.
2. "prefix": the useful devices whose model or SoC shares the longest prefix with that of the facts
   (`device_names.common_prefix`). Of equally long ones, those by model count, not those by SoC.
3. "calibration", for time only: the useful devices on which the calibrated candidate has a time. The factor is the
   calibrated time divided by the time there. The device whose max(factor, 1 / factor) is the smallest counts; of equal
   ones the first by name. Its times are multiplied by the factor.
4. "any", for memory only: all useful devices.
5. "smallest": nothing is known.

If several devices count, the largest of their figures is taken. A candidate that has no figure there does not fit.

**Limits.** A candidate fits if figure × margin <= limit for all given limits, in 64-bit floats, not rounded. Margins
are `MARGINS`. A real-time factor is a limit of time: factor × (1000 × hop × frames_per_call / sample_rate) ms; members
without a stream don't fit. If a time is given, too, the smaller one counts. Bytes are those of the manifest, without a
margin (rule "manifest").

**Pick.** The largest member with a candidate that fits. Of its candidates that fit, the first by time (unknown last),
bytes, threads, label. If none fits, or if the rule of a given limit is "smallest", the smallest member is picked. Of
its candidates, those that break no known limit come first, then the same order counts. `fits` is then "no" if it breaks
a known limit, and "unknown" otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from edge_export.bundle.device_names import common_prefix, normalized
from edge_export.bundle.manifest import Artifact, Manifest, Member
from edge_export.bundle.perf import ArtifactPerf, DevicePerf, Perf
from edge_export.errors import RequestError
from edge_export.spec.device import DeviceFacts
from edge_export.spec.fields import Name, Record

RuleName = Literal["model", "prefix", "calibration", "any", "manifest", "smallest"]
LimitName = Literal["time", "memory", "bytes"]
Fits = Literal["yes", "no", "unknown"]

MARGINS: Final[dict[RuleName, float]] = {
    "model": 1.1,
    "prefix": 1.25,
    "calibration": 1.25,
    "any": 1.25,
    "manifest": 1.0,
    "smallest": 1.0,
}


class Budget(Record):
    """The limits; at least one is given.

    Attributes:
        call_ms: The longest time of a call, in ms.
        real_time_factor: The longest time of a call, divided by the duration of its audio.
        bytes: The largest file.
        memory_bytes: The highest peak of memory.
    """

    call_ms: FiniteFloat | None = Field(default=None, gt=0)
    real_time_factor: FiniteFloat | None = Field(default=None, gt=0)
    bytes: int | None = Field(default=None, gt=0)
    memory_bytes: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError("a budget needs a limit")
        return self


class Calibration(Record):
    """What a short measurement of one artifact on the device gave."""

    member: Name
    artifact: Name
    threads: int = Field(default=1, ge=1, le=64)
    p90_ms: FiniteFloat = Field(gt=0)


class Rule(Record):
    """The rule that decided about one limit, and the devices of perf that it took figures from, by name."""

    limit: LimitName
    rule: RuleName
    devices: tuple[str, ...] = ()


class Option(Record):
    """A candidate: its expected time and memory, without margin; None: unknown. `fits`: whether all limits hold."""

    member: Name
    artifact: Name
    threads: int
    bytes: int
    time_ms: float | None
    memory_bytes: float | None
    fits: Fits


class Pick(Record):
    """The picked candidate.

    Attributes:
        fits: "yes"; "no" if nothing fits; "unknown" if nothing is known about this device.
        rules: One for each limit: time, memory, bytes.
        options: All candidates, from the smallest member to the largest.
    """

    member: Name
    artifact: Name
    threads: int
    fits: Fits
    rules: tuple[Rule, ...]
    options: tuple[Option, ...]


Key = tuple[str, str, int]
"""Member, artifact, threads."""


@dataclass(frozen=True)
class _Candidate:
    member: Member
    artifact: Artifact
    threads: int
    bytes: int

    @property
    def key(self) -> Key:
        return (self.member.name, self.artifact.label, self.threads)


@dataclass(frozen=True)
class _Figures:
    """What a rule says of one quantity, by candidate, and the devices that it is from."""

    rule: RuleName
    devices: tuple[str, ...]
    values: Mapping[Key, float]

    def holds(self, key: Key, limit: float) -> bool:
        return key in self.values and self.values[key] * MARGINS[self.rule] <= limit


def pick(
    manifest: Manifest, perf: Perf, facts: DeviceFacts, budget: Budget, calibration: Calibration | None = None
) -> Pick:
    """Returns the best member for a device and a budget, and the rules that decided; the module's text has them.

    Args:
        manifest, perf: What was built and measured.
        facts: The device.
        calibration: A measurement on the device; None: there is none.

    Raises:
        RequestError: No artifact may be picked, or a real-time factor is given and no member streams.
    """
    members = sorted(manifest.members, key=lambda member: (member.macs, member.params))
    candidates = _candidates(members, perf, facts)
    if not candidates:
        formats = ", ".join(sorted(facts.runtimes)) or "any format"
        raise RequestError(f"no artifact of {formats} has passed: build or verify the bundle again")
    if budget.real_time_factor is not None and all(member.io.stream is None for member in members):
        raise RequestError("no member of this family streams: give --budget-ms instead of --real-time-factor")
    keys = {each.key for each in candidates}
    times = _times(perf, facts, keys, calibration)
    memory = _figures(perf, facts, keys, _memory_of) or _from_any(perf, keys)
    limits: dict[LimitName, tuple[_Figures, Callable[[_Candidate], float | None]]] = {}
    if budget.call_ms is not None or budget.real_time_factor is not None:
        limits["time"] = (times, lambda each: _time_limit(each.member, budget))
    if budget.memory_bytes is not None:
        limits["memory"] = (memory, lambda _: budget.memory_bytes)
    if budget.bytes is not None:
        sizes = {each.key: float(each.bytes) for each in candidates}
        limits["bytes"] = (_Figures("manifest", (), sizes), lambda _: budget.bytes)

    def fits(each: _Candidate) -> Fits:
        verdict: Fits = "yes"
        for figures, limit_of in limits.values():
            limit = limit_of(each)
            if limit is None or (figures.rule != "smallest" and not figures.holds(each.key, limit)):
                return "no"
            if figures.rule == "smallest":
                verdict = "unknown"
        return verdict

    def rank(each: _Candidate) -> tuple[bool, float, int, int, str]:
        time = times.values.get(each.key, math.inf)
        return (fits(each) == "no", time, each.bytes, each.threads, each.artifact.label)

    fitting = [each for each in candidates if fits(each) == "yes"]
    name = (fitting[-1] if fitting else candidates[0]).member.name
    best = min((each for each in candidates if each.member.name == name), key=rank)
    return Pick(
        member=best.member.name,
        artifact=best.artifact.label,
        threads=best.threads,
        fits=fits(best),
        rules=tuple(
            Rule(limit=name, rule=figures.rule, devices=figures.devices) for name, (figures, _) in limits.items()
        ),
        options=tuple(
            Option(
                member=each.member.name,
                artifact=each.artifact.label,
                threads=each.threads,
                bytes=each.bytes,
                time_ms=times.values.get(each.key),
                memory_bytes=memory.values.get(each.key),
                fits=fits(each),
            )
            for each in candidates
        ),
    )


def timed_elsewhere(manifest: Manifest, perf: Perf, facts: DeviceFacts) -> tuple[str, str, int] | None:
    """Returns the member, artifact and threads to calibrate with: the smallest that some device has timed.

    None: no candidate was timed on a device that is not emulated.
    """
    members = sorted(manifest.members, key=lambda member: (member.macs, member.params))
    keys = [each.key for each in _candidates(members, perf, facts)]
    timed = {key for _, values in _useful(perf, set(keys), time_of).values() for key in values}
    return next((key for key in keys if key in timed), None)


def _candidates(members: list[Member], perf: Perf, facts: DeviceFacts) -> list[_Candidate]:
    threads: dict[tuple[str, str], set[int]] = {}
    for device in perf.devices:
        for each in device.artifacts:
            if not device.facts.emulated and (time_of(each), _memory_of(each)) != (None, None):
                threads.setdefault((each.member, each.artifact), set()).add(each.threads)
    return [
        _Candidate(member, artifact, count, artifact.file.bytes)
        for member in members
        for artifact in member.artifacts
        if artifact.file and artifact.status == "passed" and (not facts.runtimes or artifact.format in facts.runtimes)
        for count in sorted(threads.get((member.name, artifact.label), {1}))
    ]


def _time_limit(member: Member, budget: Budget) -> float | None:
    """Returns the longest time of a call in ms. None: there is none, as the member does not stream."""
    limits = [] if budget.call_ms is None else [budget.call_ms]
    if budget.real_time_factor is not None:
        stream = member.io.stream
        if stream is None:
            return None
        limits.append(budget.real_time_factor * (1000.0 * stream.samples / stream.sample_rate))
    return min(limits)


def time_of(each: ArtifactPerf) -> float | None:
    """Returns the time of a call in ms: see "Figures". None: it was not timed."""
    if each.latency is None:
        return None
    return max(each.latency.round_p90_ms) if each.latency.p90_ms is None else each.latency.p90_ms


def _memory_of(each: ArtifactPerf) -> float | None:
    return None if each.peak_memory_bytes is None else float(each.peak_memory_bytes)


Measured = Callable[[ArtifactPerf], float | None]


def _times(perf: Perf, facts: DeviceFacts, keys: set[Key], calibration: Calibration | None) -> _Figures:
    found = _figures(perf, facts, keys, time_of)
    if found is None and calibration is not None:
        found = _scaled(perf, keys, calibration)
    return found or _Figures("smallest", (), {})


def _useful(perf: Perf, keys: set[Key], measured: Measured) -> dict[str, tuple[DeviceFacts, dict[Key, float]]]:
    """Returns the facts and the figures of each device that has any."""
    useful = {}
    for device in perf.devices:
        values = _values(device, keys, measured)
        if values and not device.facts.emulated:
            useful[device.device] = (device.facts, values)
    return useful


def _values(device: DevicePerf, keys: set[Key], measured: Measured) -> dict[Key, float]:
    found = ((each.key, measured(each)) for each in device.artifacts if each.key in keys)
    return {key: value for key, value in found if value is not None}


def _figures(perf: Perf, facts: DeviceFacts, keys: set[Key], measured: Measured) -> _Figures | None:
    """Returns the figures by model or by prefix. None: neither matches."""
    useful = _useful(perf, keys, measured)
    model = normalized(facts.model)
    same = [name for name, (theirs, _) in useful.items() if model and normalized(theirs.model) == model]
    if same:
        return _largest("model", same, useful)
    by_length: dict[tuple[int, bool], list[str]] = {}
    for name, (theirs, _) in useful.items():
        for is_model, ours, other in ((True, facts.model, theirs.model), (False, facts.soc, theirs.soc)):
            if prefix := common_prefix(ours, other):
                by_length.setdefault((len(prefix), is_model), []).append(name)
    return _largest("prefix", by_length[max(by_length)], useful) if by_length else None


def _from_any(perf: Perf, keys: set[Key]) -> _Figures:
    useful = _useful(perf, keys, _memory_of)
    return _largest("any", list(useful), useful) if useful else _Figures("smallest", (), {})


def _largest(rule: RuleName, devices: list[str], useful: dict[str, tuple[DeviceFacts, dict[Key, float]]]) -> _Figures:
    values: dict[Key, float] = {}
    for name in devices:
        for key, value in useful[name][1].items():
            values[key] = max(value, values.get(key, value))
    return _Figures(rule, tuple(sorted(devices)), values)


def _scaled(perf: Perf, keys: set[Key], calibration: Calibration) -> _Figures | None:
    """Returns the times of the device that is the most like this one, scaled. None: none ran the calibrated file."""
    ran = (calibration.member, calibration.artifact, calibration.threads)
    found = []
    for name, (_, values) in _useful(perf, keys, time_of).items():
        if ran in values and values[ran] > 0:
            factor = calibration.p90_ms / values[ran]
            found.append((max(factor, 1 / factor), name, factor, values))
    if not found:
        return None
    _, name, factor, values = min(found, key=lambda each: each[:2])
    return _Figures("calibration", (name,), {key: value * factor for key, value in values.items()})
