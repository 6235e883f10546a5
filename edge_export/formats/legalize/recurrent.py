"""Recurrent layers and cells → matrix products, one step after the other.

    LSTM   [i f g o] = Wx x + bx + Wh h + bh,   c' = σ(f) c + σ(i) tanh(g),   h' = P (σ(o) tanh(c'))
    GRU    [r z] = σ(Wx x + bx + Wh h + bh),   n = tanh(Wx x + bx + r (Wh h + bh)),   h' = n + z (h − n)
    RNN    h' = tanh or relu (Wx x + bx + Wh h + bh)

coremltools takes none of these in an exported program, torch's ONNX exporter writes GRU wrongly, TensorFlow Lite's
LSTM keeps its state between calls, and ExecuTorch's own form falls apart into many delegates. Here Wx x + bx of all
steps is one product before the first step, both directions of a layer are one batched product per step, and
everything is a slice, a product or an activation.

Every step is about ten operators, and converters take up to 0.03 s for each. So the steps of a long sequence are a loop
(`scan`), whose body has some steps written out. Core ML's converter writes that loop itself (`coreml/recurrent.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Rule


@dataclass(frozen=True)
class Limits:
    """How long sequences are written.

    Attributes:
        written_out: The most steps, over all layers, that are written out without a loop.
        body: The most steps in the body of a loop. 0: the layer is left to the format.
    """

    written_out: int
    body: int


LIMITS = {"executorch": Limits(512, 16), "tflite": Limits(512, 32), "coreml": Limits(512, 0)}
"""ExecuTorch lowers 30 operators a second; its loop reads one slice in each turn. TFLite's copies all steps."""


def _gru_step(z: Tensor, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    size = h.shape[-1]
    of_h = torch.bmm(h, weight) if bias is None else torch.bmm(h, weight) + bias
    gates = torch.sigmoid(z[..., : 2 * size] + of_h[..., : 2 * size])
    new = torch.tanh(z[..., 2 * size :] + gates[..., :size] * of_h[..., 2 * size :])
    return new + gates[..., size:] * (h - new)


def _lstm_step(z: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    size = c.shape[-1]
    gates, new = torch.sigmoid(z), torch.tanh(z[..., 2 * size : 3 * size])
    c = gates[..., size : 2 * size] * c + gates[..., :size] * new
    return gates[..., 3 * size :] * torch.tanh(c), c


@dataclass(frozen=True)
class _Step:
    """One step of both directions of a layer. States are `(directions, batch, H)`.

    Attributes:
        kind: "lstm", "gru", "tanh" or "relu".
        weight: Wh, transposed, `(directions, H, gates × H)`.
        bias: bh of a GRU, `(directions, 1, 3 H)`.
        project: P of an LSTM that has it, transposed.
    """

    kind: str
    weight: Tensor
    bias: Tensor | None
    project: Tensor | None

    def __call__(self, z: Tensor, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Returns the next h and c; z is Wx x + bx, `(directions, batch, gates × H)`."""
        if self.kind == "gru":
            return _gru_step(z, h, self.weight, self.bias), None
        z = z + torch.bmm(h, self.weight)
        if c is None:
            return getattr(torch, self.kind)(z), None
        h, c = _lstm_step(z, c)
        return (h if self.project is None else torch.bmm(h, self.project)), c


def _swept(
    kind: str, x: Tensor, parts: Sequence[Sequence[Tensor]], h: Tensor, c: Tensor | None, biases: bool, body: int
) -> Any:
    """Returns the outputs `(steps, batch, directions × H)` of one layer, and h and c after the last step.

    Args:
        kind: "lstm", "gru", "tanh" or "relu".
        x: `(steps, batch, features)`.
        parts: Wx, Wh, the biases if there are any, and the projection if there is one, of each direction.
        h: `(directions, batch, H)`.
        c: Likewise, for an LSTM.
        biases: Whether there are biases.
        body: The most steps in the body of a loop; 0: without a loop.
    """
    steps, batch, directions = x.shape[0], x.shape[1], len(parts)
    weight = torch.stack([part[1].t() for part in parts])
    bias = None
    projected = []
    for part in parts:
        of_x = part[2] if biases else None
        if biases and kind != "gru":
            of_x = part[2] + part[3]
        projected.append(F.linear(x.reshape(steps * batch, -1), part[0], of_x).view(steps, batch, -1))
    if biases and kind == "gru":
        bias = torch.stack([part[3] for part in parts]).unsqueeze(1)
    project = torch.stack([part[-1].t() for part in parts]) if len(parts[0]) == (5 if biases else 3) else None
    step_of = _Step(kind, weight, bias, project)
    if body:
        return _looped(step_of, projected, h, c, body)
    outputs = []
    for step in range(steps):
        at = (step, steps - 1 - step)
        z = torch.cat([rows[at[way] : at[way] + 1] for way, rows in enumerate(projected)])
        h, c = step_of(z, h, c)
        outputs.append(h)
    if directions == 1:
        return torch.cat(outputs), h, c
    ahead = torch.cat([out[:1] for out in outputs])
    back = torch.cat([out[1:] for out in reversed(outputs)])
    return torch.cat([ahead, back], dim=2), h, c


def _looped(step: _Step, projected: Sequence[Tensor], h: Tensor, c: Tensor | None, most: int) -> Any:
    """Returns what `_swept` does, by a loop over bodies of `most` steps or a few less, and the steps that are left."""
    (steps, batch, _), ways = projected[0].shape, len(projected)
    # The last step first, for the second direction: by places, because a flip is no operator of TFLite.
    backward = torch.arange(steps - 1, -1, -1)
    turned = [projected[0], *(rows.index_select(0, backward) for rows in projected[1:])]
    z = (torch.stack(turned, 1) if ways > 1 else turned[0]).reshape(steps * ways, batch, -1)
    each = body_steps(steps, most)
    turns = steps // each
    constants = [tensor for tensor in (step.weight, step.bias, step.project) if tensor is not None]

    def body(*given: Tensor) -> list[Tensor]:
        states = given[: 1 if c is None else 2]
        rows, *held = given[len(states) :]
        given_of = iter(held)
        own = [None if tensor is None else next(given_of) for tensor in (step.weight, step.bias, step.project)]
        outputs, h, c_ = _written_out(_Step(step.kind, own[0], own[1], own[2]), rows, states[0], (*states, None)[1])  # type: ignore[arg-type]
        return [h, *([] if c_ is None else [c_]), outputs]

    inside = turns * each * ways
    rows = z[:inside].reshape(turns, each * ways, batch, -1)
    states = [h] if c is None else [h, c]
    *states, looped = torch.ops.higher_order.scan(body, states, [rows], constants)
    outputs = looped.reshape(inside, batch, -1)
    h, c = (*states, None)[:2]
    if inside < len(z):
        rest, h, c = _written_out(step, z[inside:], h, c)
        outputs = torch.cat([outputs, rest])
    if ways == 1:
        return outputs, h, c
    ahead, back = outputs.view(steps, ways, batch, -1).unbind(1)
    return torch.cat([ahead, back.index_select(0, backward)], dim=2), h, c


def _written_out(step: _Step, z: Tensor, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Returns the outputs `(steps × directions, batch, H)` of some steps, whose z are as many, and the last h and c."""
    ways, outputs = len(h), []
    for at in range(0, len(z), ways):
        h, c = step(z[at : at + ways], h, c)
        outputs.append(h)
    return torch.cat(outputs), h, c


def body_steps(steps: int, most: int) -> int:
    """Returns how many steps a loop's body has: more than half of `most`, so that as few as possible are left."""
    return min(range(min(steps, most), most // 2, -1), key=lambda each: steps % each, default=steps)


def _layers(
    limits: Limits,
    kind: str,
    x: Tensor,
    hx: Tensor,
    cx: Tensor | None,
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Any:
    ways = 2 if bidirectional else 1
    x = x.transpose(0, 1) if batch_first else x
    is_long = x.shape[0] * num_layers > limits.written_out
    if is_long and not limits.body:
        return NotImplemented
    each = len(params) // (num_layers * ways)
    states, cells = [], []
    for layer in range(num_layers):
        rows = slice(layer * ways, (layer + 1) * ways)
        parts = [params[index * each : (index + 1) * each] for index in range(rows.start, rows.stop)]
        cell = None if cx is None else cx[rows]
        x, h, c = _swept(kind, x, parts, hx[rows], cell, has_biases, limits.body if is_long else 0)
        states.append(h)
        cells.append(c)
    out = x.transpose(0, 1) if batch_first else x
    joined = [
        torch.cat(each) if num_layers > 1 else each[0] for each in ([states, cells] if cx is not None else [states])
    ]
    return out, *joined


def _lstm(format_name: str) -> Any:
    return lambda x, hx, params, *options: _layers(LIMITS[format_name], "lstm", x, hx[0], hx[1], params, *options)


def _one_state(format_name: str, kind: str) -> Any:
    return lambda x, hx, params, *options: _layers(LIMITS[format_name], kind, x, hx, None, params, *options)


def _lstm_cell(
    x: Tensor, hx: Sequence[Tensor], w_x: Tensor, w_h: Tensor, b_x: Tensor | None = None, b_h: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    return _lstm_step(F.linear(x, w_x, b_x) + F.linear(hx[0], w_h, b_h), hx[1])


def _gru_cell(
    x: Tensor, h: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor | None = None, b_h: Tensor | None = None
) -> Tensor:
    bias = None if b_h is None else b_h[None, None]
    return _gru_step(F.linear(x, w_x, b_x)[None], h[None], w_h.t()[None], bias)[0]


def _rnn_cell(kind: str) -> Any:
    def cell(
        x: Tensor, h: Tensor, w_x: Tensor, w_h: Tensor, b_x: Tensor | None = None, b_h: Tensor | None = None
    ) -> Tensor:
        result: Tensor = getattr(torch, kind)(F.linear(x, w_x, b_x) + F.linear(h, w_h, b_h))
        return result

    return cell


_aten = torch.ops.aten
LAYERS = {
    _aten.lstm.input: "lstm",
    _aten.gru.input: "gru",
    _aten.rnn_tanh.input: "tanh",
    _aten.rnn_relu.input: "relu",
}


def _rule(format_name: str) -> Rule:
    states = {target: _one_state(format_name, kind) for target, kind in LAYERS.items() if kind != "lstm"}
    return Rule("recurrent", (format_name,), {_aten.lstm.input: _lstm(format_name), **states})


RULES = tuple(map(_rule, LIMITS))
CELLS = Rule(
    "recurrent_cells",
    tuple(LIMITS),
    {
        _aten.lstm_cell.default: _lstm_cell,
        _aten.gru_cell.default: _gru_cell,
        _aten.rnn_tanh_cell.default: _rnn_cell("tanh"),
        _aten.rnn_relu_cell.default: _rnn_cell("relu"),
    },
)
