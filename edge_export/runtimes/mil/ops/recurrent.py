"""Recurrent layers over the first axis of (steps, batch, features).

Each function returns the hidden states (steps, batch, hidden), or only the last one as (1, batch, hidden), and the last
states. The direction "reverse" starts with the last input, and its states are in that order. In a "bidirectional" lstm,
both halves are in the order of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from edge_export.files.arrays import Array
from edge_export.runtimes.mil.ops.activation import sigmoid

Activation = Callable[[Array], Array]

_ACTIVATIONS: dict[str, Activation] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
    "linear": lambda x: x,
    "hard_sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "sigmoid_hard": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
    "scaled_tanh": np.tanh,
}
"""Activations with Core ML's default parameters, so scaled_tanh is tanh."""


def rnn(
    x: Array,
    initial_h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    direction: str = "forward",
    output_sequence: Any = False,
    activation: str = "tanh",
) -> tuple[Array, Array]:
    """Computes h' = activation(W_ih x + W_hh h + b)."""
    act = _activation(activation)
    projected = _projected(x, weight_ih, bias)
    hidden, states = initial_h, []
    for step in _order(direction, len(x)):
        hidden = act(projected[step] + hidden @ weight_hh.T)
        states.append(hidden)
    return _sequence(states, output_sequence), hidden


def gru(
    x: Array,
    initial_h: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    direction: str = "forward",
    output_sequence: Any = False,
    recurrent_activation: str = "sigmoid",
    activation: str = "tanh",
    reset_after: Any = False,
    input_bias: Array | None = None,
) -> tuple[Array, Array]:
    """Computes h' = (1 - z) o + z h, with gates in the order reset r, output o, update z.

    o = act(W_o x + b_o + R_o (r h)), or with `reset_after` act(W_o x + input_bias_o + r (R_o h + b_o)), as in PyTorch.
    """
    gate, act = _activation(recurrent_activation), _activation(activation)
    size = weight_hh.shape[1]
    offset = np.zeros(3 * size, x.dtype) if bias is None else bias
    projected = _projected(x, weight_ih, input_bias)
    hidden, states = initial_h, []
    for step in _order(direction, len(x)):
        given = projected[step]
        recurrent = hidden @ weight_hh.T + offset
        r = gate(given[:, :size] + recurrent[:, :size])
        z = gate(given[:, 2 * size :] + recurrent[:, 2 * size :])
        if reset_after:
            inner = r * recurrent[:, size : 2 * size]
        else:
            inner = (r * hidden) @ weight_hh[size : 2 * size].T + offset[size : 2 * size]
        hidden = (1 - z) * act(given[:, size : 2 * size] + inner) + z * hidden
        states.append(hidden)
    return _sequence(states, output_sequence), hidden


def lstm(
    x: Array,
    initial_h: Array,
    initial_c: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None = None,
    peephole: Array | None = None,
    weight_ih_back: Array | None = None,
    weight_hh_back: Array | None = None,
    bias_back: Array | None = None,
    peephole_back: Array | None = None,
    direction: str = "forward",
    output_sequence: Any = False,
    recurrent_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    activation: str = "tanh",
    clip: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Computes an LSTM with gates in the order input, forget, output, cell.

    The states of two directions are concatenated on the last axis.
    """
    functions = (_activation(recurrent_activation), _activation(cell_activation), _activation(activation))
    limit = None if clip is None else float(clip)
    if direction != "bidirectional":
        return _lstm(
            x, initial_h, initial_c, weight_ih, weight_hh, bias, peephole, direction, output_sequence, functions, limit
        )
    if weight_ih_back is None or weight_hh_back is None:
        raise ValueError("a bidirectional lstm has no weights for the backward direction")
    size = weight_hh.shape[1]
    forward = (x, initial_h[:, :size], initial_c[:, :size], weight_ih, weight_hh, bias, peephole)
    backward = (x, initial_h[:, size:], initial_c[:, size:], weight_ih_back, weight_hh_back, bias_back, peephole_back)
    first = _lstm(*forward, "forward", output_sequence, functions, limit)
    second = _lstm(*backward, "reverse", output_sequence, functions, limit)
    states = np.concatenate([first[0], second[0][::-1]], axis=-1)
    return states, np.concatenate([first[1], second[1]], axis=-1), np.concatenate([first[2], second[2]], axis=-1)


def _lstm(
    x: Array,
    hidden: Array,
    cell: Array,
    weight_ih: Array,
    weight_hh: Array,
    bias: Array | None,
    peephole: Array | None,
    direction: str,
    output_sequence: Any,
    functions: tuple[Activation, Activation, Activation],
    limit: float | None,
) -> tuple[Array, Array, Array]:
    gate, inner, outer = functions
    size = weight_hh.shape[1]
    peeps = np.zeros(3 * size, x.dtype) if peephole is None else peephole
    projected = _projected(x, weight_ih, bias)
    states = []
    for step in _order(direction, len(x)):
        i, f, o, z = np.split(projected[step] + hidden @ weight_hh.T, 4, axis=-1)
        i, f = gate(i + cell * peeps[:size]), gate(f + cell * peeps[size : 2 * size])
        cell = f * cell + i * inner(z)
        if limit is not None:
            cell = np.clip(cell, -limit, limit)
        hidden = gate(o + cell * peeps[2 * size :]) * outer(cell)
        states.append(hidden)
    return _sequence(states, output_sequence), hidden, cell


def _projected(x: Array, weight: Array, bias: Array | None) -> Array:
    """Returns the contribution of the inputs to the gates, for all steps in one product."""
    projected = np.matmul(x, weight.T)
    return projected if bias is None else projected + bias


def _order(direction: str, steps: int) -> range:
    if direction not in ("forward", "reverse"):
        raise ValueError(f"direction {direction!r} is unknown here")
    return range(steps) if direction == "forward" else range(steps - 1, -1, -1)


def _sequence(states: list[Array], whole: Any) -> Array:
    return np.stack(states) if whole else states[-1][None]


def _activation(name: str) -> Activation:
    if name.lower() not in _ACTIVATIONS:
        raise ValueError(f"activation {name!r} is unknown")
    return _ACTIVATIONS[name.lower()]
