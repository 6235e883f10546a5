"""Runs whole recordings through a network that streams: splits them into calls, feeds state back, drops the delay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge_export.files.arrays import Array
from edge_export.spec.arrays import Run
from edge_export.spec.tensors import IOSpec


def stream_recording(run: Run, io: IOSpec, recording: Array, report: Callable[[int], None] = lambda _: None) -> Array:
    """Runs a recording call by call, from a state of zeros. Silence after the end flushes the delayed samples.

    Args:
        run: The network, in the names and shapes of `io`.
        io: Inputs and outputs with a stream.
        recording: `(1, channels, samples)`.
        report: Called after each call with the number of finished calls.

    Returns:
        Stems `(1, stems, channels, samples)`, aligned with the recording.
    """
    assert io.stream is not None
    audio, stems = io.inputs[0], io.outputs[0]
    size, delay, samples = io.stream.samples, io.stream.delay, recording.shape[-1]
    calls = io.stream.calls_for(samples)
    padded = np.zeros((*recording.shape[:-1], calls * size), audio.dtype)
    padded[..., :samples] = recording
    result = np.empty((*stems.shape[:-1], calls * size), stems.dtype)
    shapes = {spec.name: spec for spec in io.inputs}
    state = {sink: np.zeros(shapes[sink].shape, shapes[sink].dtype) for _, sink in io.feedback}
    for index in range(calls):
        here = slice(index * size, (index + 1) * size)
        outputs = run({audio.name: np.ascontiguousarray(padded[..., here]), **state})
        result[..., here] = outputs[stems.name]
        state = {sink: np.array(outputs[source]) for source, sink in io.feedback}
        report(index + 1)
    return result[..., delay : delay + samples]


def stream_recordings(
    run: Run, io: IOSpec, recordings: Array, report: Callable[[int], None] = lambda _: None
) -> dict[str, Array]:
    """Runs each recording of `(count, channels, samples)` as a separate stream.

    Returns the stems `(count, stems, channels, samples)` by name. `report` is called with the number of finished calls
    over all recordings.
    """
    assert io.stream is not None
    each = io.stream.calls_for(recordings.shape[-1])

    def report_from(index: int) -> Callable[[int], None]:
        return lambda calls: report(index * each + calls)

    outputs = [
        stream_recording(run, io, recordings[index : index + 1], report_from(index)) for index in range(len(recordings))
    ]
    return {io.outputs[0].name: np.concatenate(outputs)}
