"""Normalizations."""

from __future__ import annotations

import numpy as np

from edge_export.files.arrays import Array


def batch_norm(
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Array | float = 1e-5,
) -> Array:
    """Normalizes `x` (batch, channels, …) with parameters (channels,)."""
    scale = 1 / np.sqrt(variance + epsilon) * (1 if gamma is None else gamma)
    return _scaled(x - _channels(mean, x), scale, beta, x)


def instance_norm(
    x: Array, gamma: Array | None = None, beta: Array | None = None, epsilon: Array | float = 1e-5
) -> Array:
    """Normalizes each channel of each sample of `x` (batch, channels, …) over the spatial axes."""
    axes = tuple(range(2, x.ndim))
    return _scaled(_standard(x, axes, epsilon), gamma, beta, x)


def layer_norm(
    x: Array,
    axes: Array | None = None,
    gamma: Array | None = None,
    beta: Array | None = None,
    epsilon: Array | float = 1e-5,
) -> Array:
    """Normalizes over `axes` (None: all axes). `gamma` and `beta` have the sizes of these axes."""
    chosen = tuple(range(x.ndim)) if axes is None else tuple(sorted(axis % x.ndim for axis in axes.tolist()))
    shape = [size if axis in chosen else 1 for axis, size in enumerate(x.shape)]
    result = _standard(x, chosen, epsilon)
    if gamma is not None:
        result = result * gamma.reshape(shape)
    return result if beta is None else result + beta.reshape(shape)


def l2_norm(x: Array, epsilon: Array | float = 1e-6) -> Array:
    """Divides by the square root of the sum of squares over the last three axes."""
    return x / np.sqrt(np.square(x).sum(axis=(-3, -2, -1), keepdims=True) + epsilon)


def local_response_norm(
    x: Array, size: Array, alpha: Array | float = 1e-4, beta: Array | float = 0.75, k: Array | float = 1.0
) -> Array:
    """Returns x / (k + alpha / size · sum of squares over `size` neighboring channels)^beta.

    `x` is (batch, channels, …).
    """
    count = int(size)
    squares = np.pad(np.square(x), [(0, 0), (count // 2, (count - 1) // 2)] + [(0, 0)] * (x.ndim - 2))
    sums = np.lib.stride_tricks.sliding_window_view(squares, count, axis=1).sum(axis=-1)
    return x / (k + alpha / np.float32(count) * sums) ** beta


def _standard(x: Array, axes: tuple[int, ...], epsilon: Array | float) -> Array:
    centered = x - x.mean(axis=axes, keepdims=True)
    return centered / np.sqrt(np.square(centered).mean(axis=axes, keepdims=True) + epsilon)


def _scaled(value: Array, gamma: Array | None, beta: Array | None, x: Array) -> Array:
    if gamma is not None:
        value = value * _channels(gamma, x)
    return value if beta is None else value + _channels(beta, x)


def _channels(parameter: Array, x: Array) -> Array:
    return parameter.reshape(-1, *[1] * (x.ndim - 2))
