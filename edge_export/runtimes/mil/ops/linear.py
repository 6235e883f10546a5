"""Matrix products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from edge_export.files.arrays import Array
from edge_export.runtimes.mil.ops.activation import softmax


def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """Returns x W' + b for `x` (…, inputs), `weight` (outputs, inputs) and `bias` (outputs,). None are integers."""
    if x.dtype.kind != "f" or weight.dtype.kind != "f":
        raise ValueError("Core ML's linear takes no integers")
    product = np.matmul(x, weight.T)
    return product if bias is None else product + bias


def matmul(x: Array, y: Array, transpose_x: Any = False, transpose_y: Any = False) -> Array:
    """Multiplies matrices on the last two axes. The other axes broadcast."""
    if transpose_x:
        x = x.swapaxes(-1, -2)
    if transpose_y:
        y = y.swapaxes(-1, -2)
    return np.matmul(x, y)


def einsum(values: list[Array], equation: str) -> Array:
    """Evaluates Core ML's equations, which contract one axis of two tensors.

    Axes of size 1 broadcast, unlike in numpy.
    """
    inputs, output = equation.replace(" ", "").split("->")
    sizes: dict[str, int] = {}
    for axes, value in zip(inputs.split(","), values, strict=True):
        for axis, size in zip(axes, value.shape, strict=True):
            sizes[axis] = max(size, sizes.get(axis, 1))
    broadcast = [
        np.broadcast_to(value, [sizes[axis] for axis in axes])
        for axes, value in zip(inputs.split(","), values, strict=True)
    ]
    return np.einsum(f"{inputs}->{output}", *broadcast, optimize=True)


def scaled_dot_product_attention(query: Array, key: Array, value: Array, attn_mask: Array | None = None) -> Array:
    """Returns softmax(Q K' / sqrt(E) + mask) V.

    `query` is (batch, …, L, E), `key` (batch, …, S, E), `value` (batch, …, S, V). A bool mask is true where a key takes
    part.
    """
    scores = np.matmul(query, key.swapaxes(-1, -2)) / np.float32(math.sqrt(query.shape[-1]))
    if attn_mask is not None:
        scores = np.where(attn_mask, scores, -np.inf) if attn_mask.dtype == bool else scores + attn_mask
    return np.matmul(softmax(scores), value)
