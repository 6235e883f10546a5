"""Parallel LSTMs behind one BatchNorm → one batched LSTM of plain matrix products.

For sub-module g (and direction d) PyTorch computes, with x' = BatchNorm(x),
    [i f g o] = Wx x' + bx + Wh h + bh,   c' = σ(f) c + σ(i) tanh(g),   h' = σ(o) tanh(c')
Here
- BatchNorm is folded into Wx and bx (`fold_batchnorm.py`), bx and bh are one bias;
- the rows are in the order i f o g, so one sigmoid and one tanh serve all sub-modules and directions of a step;
- matrices of all sub-modules and directions are stacked: one `bmm` per step;
- if a step has more than one row, i f o and g come from one `bmm` each, so that no slice is needed;
  with one row, a second operator costs more than a slice, and a slice costs more than the unused sigmoid of g;
- Wx x + b is computed for all steps at once, before the first step; over bands as [Wx b/2] [x ; 2], without a sum;
- in the recurrence over bands, h and c are zero before the first step, which needs neither Wh nor f.

The backward sweep over bands is a forward sweep over bands in reversed order. Products with 0/1 matrices change the
order, and they are exact: [I ; J] x gives both orders at once, diag(I, J) restores them. With many rows, such a product
costs more than splitting each step in two. The steps are then concatenated in both orders instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from edge_export.baking.streaming.constants import constant, fixed, join, linear, part, rows_of, swap
from edge_export.baking.streaming.fold_batchnorm import Affine, fold
from edge_export.mothers.band_split.recurrence import ParallelRecurrence, Recurrence

NAME = "merge_recurrences"
_BESIDE_X = 2.0
"""With 1, biases would be the largest values of many columns and would set the scale of int8 weights."""


class TimeRecurrence(nn.Module):
    """One or more steps over time for all bands. The state of all sub-modules is an input and an output."""

    def __init__(self, parallel: ParallelRecurrence, bands: int) -> None:
        super().__init__()
        self.width = len(parallel.branches)
        from_x, from_h = _folded(parallel, ("",))
        cuts = _cuts(bands, from_h[0].shape[1])
        self.from_x = nn.ModuleList(
            linear(torch.cat([a.weight[cut] for a in from_x]), torch.cat([a.bias[cut] for a in from_x])) for cut in cuts
        )
        self.from_h = nn.ModuleList(Stacked(torch.stack([w[cut].T for w in from_h])) for cut in cuts)

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps `(frames × bands, N)` and the state, twice `(width, bands, H)`, to the outputs and the new state.

        The outputs are `(frames × bands, width × H)`.
        """
        rows, bands = x.shape[0], hidden.shape[1]
        projected = [swap(layer(x).view(rows, self.width, -1)) for layer in self.from_x]
        steps, cell = _recur(projected, self.from_h, bands, (hidden, cell))
        return swap(join(steps, 1)).reshape(rows, -1), steps[-1], cell


class BandRecurrence(nn.Module):
    """Both sweeps over the bands of each frame, built for calls of `frames` frames."""

    beside_x: Tensor
    orders: Tensor
    restore: Tensor

    def __init__(self, parallel: ParallelRecurrence, bands: int, frames: int) -> None:
        super().__init__()
        self.width, self.bands = len(parallel.branches), bands
        from_x, from_h = _folded(parallel, ("", "_reverse"))
        cuts = _cuts(frames, from_h[0].shape[1])
        both = [torch.cat([a.weight, a.bias[:, None] / _BESIDE_X], dim=1) for a in from_x]
        self.from_x = nn.ModuleList(Stacked(torch.stack([w[cut].T for w in both])) for cut in cuts)
        self.from_h = nn.ModuleList(Stacked(torch.stack([w[cut].T for w in from_h])) for cut in cuts)
        constant(self, "beside_x", torch.full((frames * bands, 1), _BESIDE_X))
        same = torch.eye(bands, dtype=torch.float64)
        orders = [same] * self.width + [same.flip(0)] * self.width
        constant(self, "orders", torch.cat(orders)[None])
        constant(self, "restore", torch.stack(orders))

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(frames × bands, N)` to `(frames × bands, width × 2H)`."""
        width, bands, frames = self.width, self.bands, x.shape[0] // self.bands
        with_bias = torch.cat([x, rows_of(self.beside_x, len(x))], dim=1)
        by_band = swap(with_bias.view(frames, bands, -1)).reshape(1, bands, -1)
        ordered = torch.bmm(self.orders, by_band).view(2 * width, bands * frames, -1)
        steps, _ = _recur([layer(ordered) for layer in self.from_x], self.from_h, frames, None)
        if frames == 1:
            restored = torch.bmm(self.restore, join(steps, 1)).view(2, width, bands, -1)
            return restored.permute(2, 1, 0, 3).reshape(bands, -1)
        forwards = join([part(step, 0, 0, width) for step in steps], 1)
        backwards = join([part(step, 0, width, 2 * width) for step in reversed(steps)], 1)
        swept = torch.cat([forwards, backwards]).view(2, width, bands, frames, -1)
        return swept.permute(3, 2, 1, 0, 4).reshape(frames * bands, -1)


class Stacked(nn.Module):
    """x W for all sub-modules and directions at once: maps `(stack, rows, in)` to `(stack, rows, out)`."""

    weight: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        fixed(self, "weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the batched product x W."""
        return torch.bmm(x, self.weight)


def _recur(
    projected: Sequence[Tensor], from_h: Iterable[nn.Module], rows: int, state: tuple[Tensor, Tensor] | None
) -> tuple[list[Tensor], Tensor]:
    """Returns the hidden features `(stack, rows, H)` after each step, and the cells after the last step.

    Args:
        projected: Wx x + b of all steps, `(stack, steps × rows, …)`.
        from_h: The products with Wh, one per tensor of `projected`.
        rows: The rows of one step.
        state: Hidden and cell before the first step; None: zeros.
    """
    hidden, cell = state or (None, None)
    steps = []
    for first in range(0, projected[0].shape[1], rows):
        z = [part(whole, 1, first, first + rows) for whole in projected]
        if hidden is not None:
            z = [of_x + layer(hidden) for of_x, layer in zip(z, from_h, strict=True)]
        hidden, cell = lstm_step(z, cell)
        steps.append(hidden)
    assert cell is not None
    return steps, cell


def lstm_step(z: Sequence[Tensor], cell: Tensor | None) -> tuple[Tensor, Tensor]:
    """Returns hidden and cell `(…, H)` after a step.

    Args:
        z: The gates before their activations, in the order i f o g: `(…, 4H)`, or `(…, 3H)` and `(…, H)`.
        cell: The cell before the step; None: zeros.
    """
    size = sum(each.shape[-1] for each in z) // 4
    gates, candidate = z if len(z) == 2 else (z[0], z[0][..., 3 * size :])
    gates, candidate = torch.sigmoid(gates), torch.tanh(candidate)
    added = gates[..., :size] * candidate
    cell = added if cell is None else gates[..., size : 2 * size] * cell + added
    return gates[..., 2 * size : 3 * size] * torch.tanh(cell), cell


def _cuts(rows: int, size: int) -> tuple[slice, ...]:
    """Returns the slices that split a matrix's rows i f o g into separate matrices, for steps of `rows` rows."""
    return (slice(4 * size),) if rows == 1 else (slice(3 * size), slice(3 * size, 4 * size))


def _folded(parallel: ParallelRecurrence, suffixes: tuple[str, ...]) -> tuple[list[Affine], list[Tensor]]:
    """Returns the matrices on x, with the norm folded, and on h of all sub-modules, one direction after the other."""
    assert isinstance(parallel.norm, nn.BatchNorm1d)
    inputs, hidden = [], []
    for suffix in suffixes:
        for branch in parallel.branches:
            assert isinstance(branch, Recurrence)
            from_x, from_h = _matrices(branch.lstm, suffix)
            inputs.append(fold(parallel.norm, from_x))
            hidden.append(from_h)
    return inputs, hidden


def _matrices(lstm: nn.LSTM, suffix: str) -> tuple[Affine, Tensor]:
    """Returns Wx with both biases, and Wh, in the order i f o g."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    tensors = [getattr(lstm, f"{name}_l0{suffix}").detach().double() for name in names]
    i, f, g, o = torch.arange(4 * lstm.hidden_size).chunk(4)
    order = torch.cat([i, f, o, g])
    from_x, from_h, bias_x, bias_h = (t[order] for t in tensors)
    return Affine(from_x, bias_x + bias_h), from_h
