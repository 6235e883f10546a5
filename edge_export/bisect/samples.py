"""Selects a few recorded inputs for bisecting. Few are enough, because a wrong weight shows on most inputs."""

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
"""The length used of each recording, for a network that takes whole recordings: a streaming one before baking."""
_WARM_CALLS = 64


def whole_samples(io: IOSpec, goldens: Mapping[str, Array]) -> dict[str, Array]:
    """Returns inputs for a member before baking, `(samples, …)` each: goldens, or the middle part of recordings."""
    if io.stream is None:
        return {spec.name: goldens[spec.name][:SAMPLES] for spec in io.inputs}
    length = int(SECONDS * io.stream.sample_rate)

    def middle(array: Array) -> Array:
        start = max(0, array.shape[-1] - length) // 2
        return np.ascontiguousarray(array[:SAMPLES, ..., start : start + length])

    return {spec.name: middle(goldens[spec.name]) for spec in io.inputs}


def call_samples(module: nn.Module, io: IOSpec, goldens: Mapping[str, Array]) -> dict[str, Array]:
    """Returns inputs of single calls of a baked network, `(samples, …)` each.

    The state that is fed back is computed by `module`. A network with a stream runs on calls from the middle of the
    first recording; the first `_WARM_CALLS` calls only build up state.
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
    """Returns consecutive calls around the middle of the first recording. Without a stream: one call per sample."""
    if io.stream is None:
        count = len(goldens[io.recorded_inputs[0].name])
        return [{s.name: goldens[s.name][index : index + 1] for s in io.recorded_inputs} for index in range(count)]
    (audio,) = io.recorded_inputs
    recording, size = goldens[audio.name][:1], io.stream.samples
    calls = recording.shape[-1] // size
    first = max(0, calls // 2 - _WARM_CALLS)
    parts = [np.ascontiguousarray(recording[..., at * size : (at + 1) * size]) for at in range(first, calls)]
    return [{audio.name: part} for part in parts]
