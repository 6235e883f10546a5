"""Whole recordings run call by call: their lengths, the flush at the end, and a separate state for each."""

from __future__ import annotations

import numpy as np
import pytest

from edge_export.mothers.protocol import IOSpec, Stream, TensorSpec
from edge_export.runtimes.stream import stream_recording, stream_recordings

DELAY = 3
STREAM = Stream(sample_rate=8000, hop=2, frames_per_call=2, delay=DELAY, stems=("same", "twice"))
IO = IOSpec(
    (TensorSpec("audio", (1, 2, 4)), TensorSpec("state", (1, 6))),
    (TensorSpec("stems", (1, 2, 2, 4)), TensorSpec("next_state", (1, 6))),
    feedback=(("next_state", "state"),),
    stream=STREAM,
)


def delays(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns two stems: the input three samples ago, and twice that."""
    late = np.concatenate([inputs["state"].reshape(1, 2, DELAY), inputs["audio"]], axis=-1)
    out = late[..., :4]
    return {"stems": np.stack([out, 2 * out], axis=1), "next_state": late[..., 4:].reshape(1, 6)}


@pytest.mark.parametrize("samples", [1, 3, 4, 5, 8, 4001])
def test_every_sample_comes_back_in_its_place(samples: int) -> None:
    recording = np.random.default_rng(0).standard_normal((1, 2, samples)).astype(np.float32)
    told: list[int] = []
    stems = stream_recording(delays, IO, recording, told.append)
    np.testing.assert_array_equal(stems, np.stack([recording, 2 * recording], axis=1))
    assert told == list(range(1, STREAM.calls_for(samples) + 1))


def test_recordings_know_nothing_of_each_other() -> None:
    recordings = np.random.default_rng(0).standard_normal((3, 2, 9)).astype(np.float32)
    told: list[int] = []
    streamed = stream_recordings(delays, IO, recordings, told.append)["stems"]
    assert streamed.shape == (3, 2, 2, 9)
    np.testing.assert_array_equal(streamed[:, 0], recordings)
    assert told == list(range(1, 3 * STREAM.calls_for(9) + 1))


def test_latency_is_the_call_and_the_delay() -> None:
    assert STREAM.latency_ms == 1000 * (4 + DELAY) / 8000


@pytest.mark.parametrize(("samples", "calls"), [(1, 1), (2, 2), (5, 2), (6, 3), (4001, 1001)])
def test_the_calls_of_a_recording_flush_the_delay(samples: int, calls: int) -> None:
    assert STREAM.calls_for(samples) == calls
