"""Recurrent layers and cells → matrix products, one step after the other.

    LSTM   [i f g o] = Wx x + bx + Wh h + bh,   c' = σ(f) c + σ(i) tanh(g),   h' = P (σ(o) tanh(c'))
    GRU    [r z] = σ(Wx x + bx + Wh h + bh),   n = tanh(Wx x + bx + r (Wh h + bh)),   h' = n + z (h − n)
    RNN    h' = tanh or relu (Wx x + bx + Wh h + bh)

coremltools takes none of these in an exported program, torch's ONNX exporter writes GRU wrongly, TensorFlow Lite's
LSTM keeps its state between calls, and ExecuTorch's own form falls apart into many delegates. Here Wx x + bx of all
steps is one product before the first step, both directions of a layer are one batched product per step, and
everything is a slice, a product or an activation. A very long sequence is refused, because its steps are written out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from edge_export.formats.legalize.rule import Refused, Rule

MOST_STEPS = 512
"""Steps over all layers. Every step is about ten operators, and converters take up to 0.03 s for each."""


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


def _swept(kind: str, x: Tensor, parts: Sequence[Sequence[Tensor]], h: Tensor, c: Tensor | None, biases: bool) -> Any:
    """Returns the outputs `(steps, batch, directions × H)` of one layer, and h and c after the last step.

    Args:
        kind: "lstm", "gru", "tanh" or "relu".
        x: `(steps, batch, features)`.
        parts: Wx, Wh, the biases if there are any, and the projection if there is one, of each direction.
        h: `(directions, batch, H)`.
        c: Likewise, for an LSTM.
        biases: Whether there are biases.
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
    outputs = []
    for step in range(steps):
        at = (step, steps - 1 - step)
        z = torch.cat([rows[at[way] : at[way] + 1] for way, rows in enumerate(projected)])
        if kind == "gru":
            h = _gru_step(z, h, weight, bias)
        elif c is not None:
            h, c = _lstm_step(z + torch.bmm(h, weight), c)
            h = h if project is None else torch.bmm(h, project)
        else:
            h = getattr(torch, kind)(z + torch.bmm(h, weight))
        outputs.append(h)
    if directions == 1:
        return torch.cat(outputs), h, c
    ahead = torch.cat([out[:1] for out in outputs])
    back = torch.cat([out[1:] for out in reversed(outputs)])
    return torch.cat([ahead, back], dim=2), h, c


def _layers(
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
    if x.shape[0] * num_layers > MOST_STEPS:
        return Refused(
            f"{x.shape[0]} steps of {num_layers} layers are more than {MOST_STEPS}: give it shorter sequences, "
            "and its state as an input and an output"
        )
    each = len(params) // (num_layers * ways)
    states, cells = [], []
    for layer in range(num_layers):
        rows = slice(layer * ways, (layer + 1) * ways)
        parts = [params[index * each : (index + 1) * each] for index in range(rows.start, rows.stop)]
        x, h, c = _swept(kind, x, parts, hx[rows], None if cx is None else cx[rows], has_biases)
        states.append(h)
        cells.append(c)
    out = x.transpose(0, 1) if batch_first else x
    joined = [
        torch.cat(each) if num_layers > 1 else each[0] for each in ([states, cells] if cx is not None else [states])
    ]
    return out, *joined


def _lstm(x: Tensor, hx: Sequence[Tensor], params: Sequence[Tensor], *options: Any) -> Any:
    return _layers("lstm", x, hx[0], hx[1], params, *options)


def _one_state(kind: str) -> Any:
    return lambda x, hx, params, *options: _layers(kind, x, hx, None, params, *options)


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
RULE = Rule(
    "recurrent",
    ("executorch", "coreml", "tflite"),
    {
        _aten.lstm.input: _lstm,
        _aten.gru.input: _one_state("gru"),
        _aten.rnn_tanh.input: _one_state("tanh"),
        _aten.rnn_relu.input: _one_state("relu"),
        _aten.lstm_cell.default: _lstm_cell,
        _aten.gru_cell.default: _gru_cell,
        _aten.rnn_tanh_cell.default: _rnn_cell("tanh"),
        _aten.rnn_relu_cell.default: _rnn_cell("relu"),
    },
)
