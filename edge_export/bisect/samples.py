"""A few recorded inputs to look inside with: a wrong weight shows on most of them, and they take little room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from edge_export.runtimes.torch_module import as_run

if TYPE_CHECKING:
    from torch import nn

    from edge_export.files.arrays import Array
    from edge_export.spec.tensors import IOSpec

SAMPLES = 4
SECONDS = 0.25
"""Of each recording, where a network takes whole ones: what streams, before it is baked."""
_WARM_CALLS = 64


def whole_samples(io: IOSpec, goldens: Mapping[str, Array]) -> dict[str, Array]:
    """The inputs of a member that is not baked yet, `(samples, …)`; of recordings, the middle of each."""
    if io.stream is None:
        return {spec.name: goldens[spec.name][:SAMPLES] for spec in io.inputs}
    length = int(SECONDS * io.stream.sample_rate)

    def middle(array: Array) -> Array:
        start = max(0, array.shape[-1] - length) // 2
        return np.ascontiguousarray(array[:SAMPLES, ..., start : start + length])

    return {spec.name: middle(goldens[spec.name]) for spec in io.inputs}


def call_samples(module: nn.Module, io: IOSpec, goldens: Mapping[str, Array]) -> dict[str, Array]:
    """The inputs of single calls of a baked network, `(samples, …)`.

    What is fed back is as `module` makes it: of what streams, calls from the middle of the first recording, after
    a second of it.
    """
    if not io.feedback:
        return {spec.name: goldens[spec.name][:SAMPLES] for spec in io.inputs}
    calls = _cut(io, goldens)[: _WARM_CALLS + SAMPLES]
    run = as_run(module, io)
    state = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in io.inputs if spec not in io.recorded_inputs}
    seen = []
    for call in calls:
        seen.append(call | state)
        outputs = run(seen[-1])
        state = {sink: np.array(outputs[source]) for source, sink in io.feedback}
    return {spec.name: np.concatenate([inputs[spec.name] for inputs in seen[-SAMPLES:]]) for spec in io.inputs}


def _cut(io: IOSpec, goldens: Mapping[str, Array]) -> list[dict[str, Array]]:
    """Consecutive calls from the middle of the first recording on, or, of what has no stream, one for each sample."""
    if io.stream is None:
        count = len(goldens[io.recorded_inputs[0].name])
        return [{s.name: goldens[s.name][index : index + 1] for s in io.recorded_inputs} for index in range(count)]
    (audio,) = io.recorded_inputs
    recording, size = goldens[audio.name][:1], io.stream.samples
    calls = recording.shape[-1] // size
    first = max(0, calls // 2 - _WARM_CALLS)
    parts = [np.ascontiguousarray(recording[..., at * size : (at + 1) * size]) for at in range(first, calls)]
    return [{audio.name: part} for part in parts]
