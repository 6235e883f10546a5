"""Whole recordings run call by call: their lengths, the flush at the end, and a separate state for each."""

from __future__ import annotations

import numpy as np
import pytest

from edge_export.mothers.protocol import IOSpec, Stream, TensorSpec
from edge_export.runtimes.stream import calls_for, stream_recording, stream_recordings

DELAY = 3
IO = IOSpec(
    (TensorSpec("audio", (1, 2, 4)), TensorSpec("state", (1, 6))),
    (TensorSpec("stems", (1, 2, 2, 4)), TensorSpec("next_state", (1, 6))),
    feedback=(("next_state", "state"),),
    stream=Stream(sample_rate=8000, hop=2, frames_per_call=2, delay=DELAY, stems=("same", "twice")),
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
    assert told == list(range(1, calls_for(IO, samples) + 1))


def test_recordings_know_nothing_of_each_other() -> None:
    recordings = np.random.default_rng(0).standard_normal((3, 2, 9)).astype(np.float32)
    told: list[int] = []
    streamed = stream_recordings(delays, IO, recordings, told.append)["stems"]
    assert streamed.shape == (3, 2, 2, 9)
    np.testing.assert_array_equal(streamed[:, 0], recordings)
    assert told == list(range(1, 3 * calls_for(IO, 9) + 1))


def test_latency_is_the_call_and_the_delay() -> None:
    assert IO.stream is not None
    assert IO.stream.latency_ms == 1000 * (4 + DELAY) / 8000
