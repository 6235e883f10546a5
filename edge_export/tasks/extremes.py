"""Extreme inputs that no recording holds and on which kernels and quantizers can fail."""

from __future__ import annotations

import numpy as np

from edge_export.files.arrays import Array

RECORDED = "recorded"
KINDS = (RECORDED, "silence", "full scale", "denormals", "click", "noise")
"""The kind of the sample at each index. The first is a recorded sample."""
_DENORMAL = 1e-40


def extreme_samples(recorded: Array, low: float, high: float) -> Array:
    """Returns one sample of each of `KINDS`, `(6, …)`.

    Args:
        recorded: A recorded sample, `(…)`.
        low, high: The range of the values.
    """
    silence = np.zeros_like(recorded)
    alternating = np.arange(recorded.size).reshape(recorded.shape) // 8 % 2 == 0
    full_scale = np.where(alternating, high, low).astype(recorded.dtype)
    denormals = (np.where(alternating, 1, -1) * _DENORMAL).astype(recorded.dtype)
    click = silence.copy()
    click.reshape(-1)[recorded.size // 2] = high
    noise = np.random.default_rng(0).uniform(low, high, recorded.shape).astype(recorded.dtype)
    return np.stack([recorded, silence, full_scale, denormals, click, noise])
