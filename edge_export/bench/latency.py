"""From the samples of all rounds to the latency of one artifact."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from edge_export.bench.statistics import MAX_SPREAD, Rounds, median_interval, medians_of, percentile, spread
from edge_export.bundle.perf import Interval, Latency, Round
from edge_export.bundle.series import pack
from edge_export.devices.request import DeviceState
from edge_export.spec.device import Samples
from edge_export.spec.tensors import IOSpec

SEED = 15
_NS = 6
"""Decimals of a time in ms: whole nanoseconds."""

_MAX_SPREAD = 1e6
"""JSON has no infinity."""

Sampled = tuple[Samples, DeviceState | None, DeviceState | None]
"""What one round gave: its samples, and the device's state before and after."""


def latency_of(rounds: Sequence[Sampled], member_io: IOSpec, seed: int = SEED) -> Latency:
    """Returns the latency of an artifact from its rounds, in order.

    Rounds whose medians differ by more than 10 % are not averaged: the latency is `noisy` and has no median.

    Args:
        rounds: At least one.
        member_io: The inputs and outputs of the member; its stream says how much audio a call takes.
        seed: The seed of the bootstrap.
    """
    times: Rounds = [samples.call_ms for samples, _, _ in rounds]
    medians = medians_of(times)
    apart = round(min(spread(medians), _MAX_SPREAD), 4)
    noisy = apart > MAX_SPREAD
    every = [value for samples in times for value in samples]
    middle = None if noisy else median(medians)
    stream = member_io.stream
    audio_ms = None if stream is None else 1000.0 * stream.samples / stream.sample_rate
    worst = max(every)
    return Latency(
        load_ms=_ns(median(samples.load_ms for samples, _, _ in rounds)),
        first_ms=_ns(median(samples.first_ms for samples, _, _ in rounds)),
        noisy=noisy,
        spread=apart,
        round_median_ms=tuple(map(_ns, medians)),
        round_p90_ms=tuple(_ns(percentile(samples, 90)) for samples in times),
        median_ms=None if middle is None else _ns(middle),
        interval=None if noisy else _rounded(median_interval(times, seed)),
        p90_ms=None if noisy else _ns(percentile(every, 90)),
        p99_ms=None if noisy else _ns(percentile(every, 99)),
        worst_ms=_ns(worst),
        real_time_factor=None if middle is None or audio_ms is None else round(middle / audio_ms, 6),
        worst_real_time_factor=None if audio_ms is None else round(worst / audio_ms, 6),
        rounds=tuple(_round(*each) for each in rounds),
    )


def _round(samples: Samples, before: DeviceState | None, after: DeviceState | None) -> Round:
    return Round(
        load_ms=_ns(samples.load_ms),
        first_ms=_ns(samples.first_ms),
        warm_up_calls=samples.warm_up_calls,
        stable=samples.stable,
        calls_per_sample=samples.calls_per_sample,
        samples=pack(samples.call_ms),
        count=len(samples.call_ms),
        before=before,
        after=after,
    )


def _rounded(interval: Interval) -> Interval:
    return Interval(low=_ns(interval.low), high=_ns(interval.high))


def _ns(milliseconds: float) -> float:
    return round(milliseconds, _NS)
