"""Activation functions."""

from __future__ import annotations

import numpy as np
from scipy import special

from edge_export.files.arrays import Array


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def relu6(x: Array) -> Array:
    return np.clip(x, 0, 6)


def leaky_relu(x: Array, alpha: Array) -> Array:
    return np.where(x >= 0, x, alpha * x)


def prelu(x: Array, alpha: Array) -> Array:
    """`x` is (batch, channels, …), `alpha` (channels,)."""
    return np.where(x > 0, x, _per_channel(alpha, x) * x)


def thresholded_relu(x: Array, alpha: Array) -> Array:
    """Returns 0 where `x` is less than `alpha`, else `x`."""
    return np.where(x < alpha, 0, x)


def clamped_relu(x: Array, alpha: Array, beta: Array) -> Array:
    """Returns min(beta, x) where `x` is not negative, else min(beta, alpha x)."""
    return np.minimum(beta, np.where(x >= 0, x, alpha * x))


def elu(x: Array, alpha: Array) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu(x: Array, mode: str = "EXACT") -> Array:
    """Computes GELU in one of three modes: EXACT (error function), TANH_APPROXIMATION, SIGMOID_APPROXIMATION."""
    if mode == "EXACT":
        return 0.5 * x * (1 + special.erf(x * np.float32(np.sqrt(0.5))))
    if mode == "TANH_APPROXIMATION":
        return 0.5 * x * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (x + 0.044715 * x**3)))
    if mode == "SIGMOID_APPROXIMATION":
        return x * sigmoid(1.702 * x)
    raise ValueError(f"mode {mode!r} is unknown")


def sigmoid(x: Array) -> Array:
    return special.expit(x)


def sigmoid_hard(x: Array, alpha: Array, beta: Array) -> Array:
    """Returns min(max(alpha x + beta, 0), 1)."""
    return np.clip(alpha * x + beta, 0, 1)


def silu(x: Array) -> Array:
    return x * sigmoid(x)


def softplus(x: Array) -> Array:
    return np.logaddexp(x, np.zeros((), x.dtype))


def softplus_parametric(x: Array, alpha: Array, beta: Array) -> Array:
    """Returns alpha log(1 + exp(beta x)), with `alpha` and `beta` (channels,) for `x` (batch, channels, …)."""
    return _per_channel(alpha, x) * softplus(_per_channel(beta, x) * x)


def softsign(x: Array) -> Array:
    return x / (1 + np.abs(x))


def scaled_tanh(x: Array, alpha: Array, beta: Array) -> Array:
    """Returns alpha tanh(beta x)."""
    return alpha * np.tanh(beta * x)


def linear_activation(x: Array, alpha: Array, beta: Array) -> Array:
    """Returns alpha x + beta."""
    return alpha * x + beta


def softmax(x: Array, axis: Array | int = -1) -> Array:
    powers = np.exp(x - x.max(axis=int(axis), keepdims=True))
    return powers / powers.sum(axis=int(axis), keepdims=True)


def _per_channel(parameter: Array, x: Array) -> Array:
    return parameter.reshape(-1, *[1] * (x.ndim - 2))
