"""Rounds that disagree are noisy, intervals cover what they promise, and every sample is kept."""

from __future__ import annotations

import random

import pytest
from made_perf import IO, STREAMING_IO, around, samples
from pydantic import ValidationError

from edge_export.bench.latency import latency_of
from edge_export.bench.statistics import median_interval, percentile, ratios, resampled_medians, spread
from edge_export.bundle.series import pack, unpack
from edge_export.spec.device import Samples


def latency(rounds, io=IO):
    return latency_of([(samples(times), None, None) for times in rounds], io)


def test_percentiles_are_of_the_nearest_rank():
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, p) for p in (50, 90, 99, 100)] == [50, 90, 99, 100]
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([7.0], 99) == 7.0


def test_a_latency_is_that_of_its_rounds():
    found = latency([[1.0, 1.0, 2.0], [1.1, 1.1, 1.1], [1.05, 1.05, 9.0]])
    assert not found.noisy
    assert found.spread == 0.1
    assert found.median_ms == 1.05
    assert found.round_median_ms == (1.0, 1.1, 1.05)
    assert found.round_p90_ms == (2.0, 1.1, 9.0)
    assert (found.p90_ms, found.p99_ms, found.worst_ms) == (9.0, 9.0, 9.0)
    assert found.interval.low <= found.median_ms <= found.interval.high
    assert (found.load_ms, found.first_ms) == (5.0, 2.0)
    assert found.real_time_factor is None


def test_load_and_first_call_are_apart_from_the_steady_state():
    slow_start = [(samples([1.0, 1.0], load_ms=800, first_ms=90), None, None)] * 2
    found = latency_of(slow_start, IO)
    assert (found.load_ms, found.first_ms, found.median_ms, found.worst_ms) == (800, 90, 1, 1)


@pytest.mark.parametrize(("slow", "noisy"), [(1.099, False), (1.101, True), (3.0, True)])
def test_rounds_that_disagree_by_more_than_ten_percent_are_noisy(slow, noisy):
    found = latency([[1.0] * 9, [1.0] * 9, [slow] * 9])
    assert found.noisy is noisy
    assert (found.median_ms is None) is (found.interval is None) is (found.p90_ms is None) is noisy
    assert found.round_median_ms == (1.0, 1.0, slow)
    assert found.worst_ms == slow


def test_a_stream_has_a_real_time_factor_and_a_worst_call():
    found = latency([[2.0] * 98 + [4.0] + [15.0]] * 3, STREAMING_IO)
    assert (found.real_time_factor, found.worst_real_time_factor, found.worst_ms) == (0.2, 1.5, 15.0)
    noisy = latency([[2.0] * 9, [4.0] * 9], STREAMING_IO)
    assert (noisy.real_time_factor, noisy.worst_real_time_factor) == (None, 0.4)


def test_every_sample_is_kept_in_its_order():
    rng = random.Random(1)
    rounds = [[round(rng.uniform(0.9, 1.0), 6) for _ in range(500)] for _ in range(3)]
    found = latency(rounds)
    assert [list(unpack(each.samples)) for each in found.rounds] == rounds
    assert [each.count for each in found.rounds] == [500] * 3
    assert len(found.rounds[0].samples) < 5 * 500


@pytest.mark.parametrize("series", ["", "AAAA", "not base64!", pack([1.0])[:-8], pack([1.0] * 9).swapcase()])
def test_a_damaged_series_is_refused(series):
    with pytest.raises(ValueError, match="series of samples is damaged"):
        unpack(series)


def test_a_series_that_unpacks_to_gigabytes_is_refused():
    import base64
    import zlib

    bomb = base64.b64encode(zlib.compress(b"1 " * 50_000_000, 9)).decode()
    with pytest.raises(ValueError, match="more than 1000000"):
        unpack(bomb)


@pytest.mark.parametrize("time", [0.0, -1.0, float("nan"), float("inf")])
def test_a_device_cannot_send_times_that_are_none(time):
    with pytest.raises(ValidationError):
        samples([1.0, time])
    with pytest.raises(ValidationError):
        Samples.model_validate_json(
            '{"load_ms": NaN, "first_ms": 1, "warm_up_calls": 0, "stable": true, "call_ms":[1]}'
        )


def test_the_interval_covers_the_true_median_about_as_often_as_it_says():
    covered = 0
    for seed in range(100):
        interval = median_interval(around(1.0, seed, rounds=8, count=50, drift=0.03), seed)
        covered += interval.low <= 1.0 <= interval.high
    assert 85 <= covered <= 100


def test_the_interval_is_as_wide_as_rounds_differ_not_as_samples_are_many():
    few = median_interval([[1.0] * 20, [1.05] * 20, [1.1] * 20], 1)
    many = median_interval([[1.0] * 5000, [1.05] * 5000, [1.1] * 5000], 1)
    assert (few.low, few.high) == (many.low, many.high) == (1.0, 1.1)


def test_resampling_is_seeded_and_pairs_rounds():
    rounds = around(1.0, 3)
    assert (resampled_medians([rounds], 1) == resampled_medians([rounds], 1)).all()
    assert (resampled_medians([rounds], 1) != resampled_medians([rounds], 2)).any()
    drifting = [[1.0] * 9, [2.0] * 9, [3.0] * 9]
    ours, theirs = resampled_medians([drifting, [[2 * t for t in times] for times in drifting]], 1)
    assert (theirs / ours == 2.0).all()
    with pytest.raises(ValueError, match="rounds"):
        resampled_medians([drifting, drifting[:2]], 1)


def test_ratios_are_of_rounds():
    assert ratios([1.0, 4.0], [2.0, 2.0]) == [0.5, 2.0]
    assert spread([2.0, 2.0]) == 0
