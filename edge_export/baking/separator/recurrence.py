"""Parallel LSTMs behind one BatchNorm → one batched LSTM of plain matrix products.

For sub-module g (and direction d) PyTorch computes, with x' = BatchNorm(x),
    [i f g o] = Wx x' + bx + Wh h + bh,   c' = σ(f) c + σ(i) tanh(g),   h' = σ(o) tanh(c')
Here
- BatchNorm is folded into Wx and bx (`fold_batchnorm.py`), bx and bh are one bias;
- the rows stand in the order i f o g: one sigmoid and one tanh serve all sub-modules and directions of a step;
- matrices of all sub-modules and directions are stacked: one `bmm` a step;
- Wx x + b is computed for all steps at once, before the first;
- in the recurrence over bands, h and c are zero before the first step, which needs neither Wh nor f.

The sweep backwards over bands is a sweep forwards over bands in reversed order. Order is changed by products with
0/1 matrices, which are exact: [I ; J] gives both orders at once, diag(I, J) restores them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edge_export.baking.separator.constants import constant, fixed, join, linear, part, swap
from edge_export.baking.separator.fold_batchnorm import Affine, fold
from edge_export.mothers.band_recurrence import ParallelRecurrence, Recurrence

NAME = "merge_recurrences"


class TimeRecurrence(nn.Module):
    """One or more steps over time for all bands; the state of all sub-modules comes in and goes out."""

    weight_h: Tensor

    def __init__(self, parallel: ParallelRecurrence) -> None:
        super().__init__()
        self.width = len(parallel.branches)
        inputs, hidden = _folded(parallel, ("",))
        self.inputs = linear(torch.cat([a.weight for a in inputs]), torch.cat([a.bias for a in inputs]))
        fixed(self, "weight_h", torch.stack([w.T for w in hidden]))

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`(frames × bands, N)`, twice `(width, bands, H)` to `(frames × bands, width × H)` and the new state."""
        rows, bands = x.shape[0], hidden.shape[1]
        projected = swap(self.inputs(x).view(rows, self.width, -1))
        steps = []
        for first in range(0, rows, bands):
            z = part(projected, 1, first, first + bands) + torch.bmm(hidden, self.weight_h)
            hidden, cell = lstm_step(z, cell)
            steps.append(hidden)
        return swap(join(steps, 1)).reshape(rows, -1), hidden, cell


class BandRecurrence(nn.Module):
    """Both sweeps over the bands of each frame."""

    weight_x: Tensor
    weight_h: Tensor
    bias: Tensor
    orders: Tensor
    restore: Tensor

    def __init__(self, parallel: ParallelRecurrence, bands: int) -> None:
        super().__init__()
        self.width, self.bands = len(parallel.branches), bands
        inputs, hidden = _folded(parallel, ("", "_reverse"))
        fixed(self, "weight_x", torch.stack([a.weight.T for a in inputs]))
        fixed(self, "bias", torch.stack([a.bias for a in inputs])[:, None])
        fixed(self, "weight_h", torch.stack([w.T for w in hidden]))
        same = torch.eye(bands, dtype=torch.float64)
        constant(self, "orders", torch.cat([same, same.flip(0)] * self.width))
        constant(self, "restore", torch.stack([same, same.flip(0)]))

    def forward(self, x: Tensor) -> Tensor:
        """`(frames × bands, N)` to `(frames × bands, width × 2H)`."""
        width, bands, frames = self.width, self.bands, x.shape[0] // self.bands
        by_band = F.linear(x.view(frames, bands, -1).permute(0, 2, 1), self.orders)
        ordered = by_band.view(frames, -1, 2 * width, bands).permute(2, 3, 0, 1).reshape(2 * width, bands * frames, -1)
        projected = torch.bmm(ordered, self.weight_x) + self.bias
        hidden, cell = first_lstm_step(projected[:, :frames])
        steps = [hidden]
        for step in range(1, bands):
            z = projected[:, step * frames : (step + 1) * frames] + torch.bmm(hidden, self.weight_h)
            hidden, cell = lstm_step(z, cell)
            steps.append(hidden)
        swept = join(steps, 1).view(width, 2, bands, frames, -1).permute(1, 0, 3, 4, 2)
        ordered = torch.bmm(swept.reshape(2, -1, bands), self.restore)
        ordered = ordered.view(2, width, frames, -1, bands).permute(2, 4, 1, 0, 3)
        return ordered.reshape(frames * bands, -1)


def lstm_step(z: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """Hidden and cell `(…, H)` after a step with activations `(…, 4H)` in the order i f o g."""
    size = cell.shape[-1]
    gates, candidate = torch.sigmoid(z[..., : 3 * size]), torch.tanh(z[..., 3 * size :])
    cell = gates[..., size : 2 * size] * cell + gates[..., :size] * candidate
    return gates[..., 2 * size :] * torch.tanh(cell), cell


def first_lstm_step(z: Tensor) -> tuple[Tensor, Tensor]:
    """The same from a state of zeros."""
    size = z.shape[-1] // 4
    gates, candidate = torch.sigmoid(z[..., : 3 * size]), torch.tanh(z[..., 3 * size :])
    cell = gates[..., :size] * candidate
    return gates[..., 2 * size :] * torch.tanh(cell), cell


def _folded(parallel: ParallelRecurrence, suffixes: tuple[str, ...]) -> tuple[list[Affine], list[Tensor]]:
    """The matrices on x and on h of all sub-modules, each direction next to the other."""
    assert isinstance(parallel.norm, nn.BatchNorm1d)
    inputs, hidden = [], []
    for branch in parallel.branches:
        assert isinstance(branch, Recurrence)
        for suffix in suffixes:
            from_x, from_h = _matrices(branch.lstm, suffix)
            inputs.append(fold(parallel.norm, from_x))
            hidden.append(from_h)
    return inputs, hidden


def _matrices(lstm: nn.LSTM, suffix: str) -> tuple[Affine, Tensor]:
    """Wx with both biases, and Wh, in the order i f o g."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    tensors = [getattr(lstm, f"{name}_l0{suffix}").detach().double() for name in names]
    i, f, g, o = torch.arange(4 * lstm.hidden_size).chunk(4)
    order = torch.cat([i, f, o, g])
    from_x, from_h, bias_x, bias_h = (t[order] for t in tensors)
    return Affine(from_x, bias_x + bias_h), from_h
