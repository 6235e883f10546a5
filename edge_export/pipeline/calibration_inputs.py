"""Selects inputs of a baked member from the calibration batches, to calibrate quantizers with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_export.files.arrays import Array
from edge_export.runtimes.stream import stream_recording
from edge_export.runtimes.torch_module import as_run
from edge_export.spec.tensors import IOSpec

if TYPE_CHECKING:
    from torch import nn

    from edge_export.mothers.protocol import Recordings

SAMPLES = 128
_STREAMED_SECONDS = 3.0


def calibration_inputs(module: nn.Module, io: IOSpec, recordings: Recordings) -> dict[str, Array]:
    """Returns up to `SAMPLES` inputs of `module` by name, `(count, …)`, spread over the calibration batches.

    For a member that streams, these are calls spread over recordings, each with the state that the member has there.
    """
    if io.stream is None:
        batches = [
            np.concatenate([part.numpy() for part in column]) for column in zip(*recordings.batches, strict=True)
        ]
        every = max(1, len(batches[0]) // SAMPLES)
        return {spec.name: array[::every][:SAMPLES] for spec, array in zip(io.inputs, batches, strict=True)}
    return _streamed(module, io, recordings)


def _streamed(module: nn.Module, io: IOSpec, recordings: Recordings) -> dict[str, Array]:
    assert io.stream is not None
    audio = np.concatenate([batch[0].numpy() for batch in recordings.batches])
    samples = min(audio.shape[-1], int(_STREAMED_SECONDS * io.stream.sample_rate))
    calls = samples // io.stream.samples
    recorded = min(len(audio), max(1, SAMPLES // 16))
    every = max(1, calls * recorded // SAMPLES)
    run, seen, kept = as_run(module, io), 0, []

    def watched(inputs: dict[str, Array]) -> dict[str, Array]:
        nonlocal seen
        if seen % every == every - 1:
            kept.append({name: array.copy() for name, array in inputs.items()})
        seen += 1
        return run(inputs)

    for index in range(recorded):
        stream_recording(watched, io, audio[index : index + 1, ..., :samples])
    return {spec.name: np.concatenate([each[spec.name] for each in kept[:SAMPLES]]) for spec in io.inputs}
