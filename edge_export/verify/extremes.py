"""Inputs that no recording holds, in addition to those that are recorded: where kernels and quantizers give way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edge_export.files.arrays import Array
from edge_export.spec.agreement import agreement
from edge_export.spec.results import Extreme

if TYPE_CHECKING:
    from edge_export.spec.tensors import IOSpec, Stream, TensorSpec

KINDS = ("recorded", "silence", "full scale", "denormals", "click", "noise")
"""What stands at each index of the samples; the first is the beginning of a real one."""
STREAM_SECONDS = 0.5
_DENORMAL = 1e-40


def extremes_of(io: IOSpec, goldens: dict[str, Array]) -> dict[str, Array]:
    """One sample of each of `KINDS` for every input, `(6, …)`, in the range of the goldens.

    Args:
        io: The mother's; of what streams, each sample is a recording of half a second.
        goldens: Recorded inputs by name, `(count, …)`.
    """
    return {spec.name: _samples(spec, goldens[spec.name], io.stream) for spec in io.inputs}


def compare_extremes(outputs: dict[str, Array], reference: dict[str, Array], peaks: dict[str, float]) -> list[Extreme]:
    """How the worst output differs from the mother's on each of `KINDS`.

    Args:
        outputs, reference: By name, `(6, …)`.
        peaks: The largest absolute value of each output on the goldens: what errors are a share of.
    """
    found = []
    for index, kind in enumerate(KINDS):
        worst: float | None = 0.0
        for name, wanted in reference.items():
            error = agreement(wanted[index], outputs[name][index]).max_abs
            scale = max(peaks[name], float(np.abs(wanted[index]).max(initial=0)), float(np.finfo(np.float32).tiny))
            worst = None if error is None or worst is None else max(worst, error / scale)
        found.append(Extreme(kind, worst))
    return found


def peaks_of(golden: dict[str, Array]) -> dict[str, float]:
    """The largest absolute value of each output."""
    return {name: float(np.abs(array).max(initial=0)) for name, array in golden.items()}


def _samples(spec: TensorSpec, golden: Array, stream: Stream | None) -> Array:
    low, high = golden.min(), golden.max()
    first = golden[0]
    if stream is not None:
        low, high = np.float32(-1), np.float32(1)
        first = first[..., : int(STREAM_SECONDS * stream.sample_rate)]
    silence = np.zeros_like(first)
    alternating = np.arange(first.size).reshape(first.shape) // 8 % 2 == 0
    full_scale = np.where(alternating, high, low).astype(first.dtype)
    denormals = (np.where(alternating, 1, -1) * _DENORMAL).astype(first.dtype)
    click = silence.copy()
    click.reshape(-1)[first.size // 2] = high
    noise = np.random.default_rng(0).uniform(low, high, first.shape).astype(first.dtype)
    return np.stack([first, silence, full_scale, denormals, click, noise])
