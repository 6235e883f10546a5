"""Parallel LSTMs behind one BatchNorm → one batched LSTM of plain matrix products.

For sub-module g (and direction d) PyTorch computes, with x' = BatchNorm(x),
    [i f g o] = Wx x' + bx + Wh h + bh,   c' = σ(f) c + σ(i) tanh(g),   h' = σ(o) tanh(c')
Here
- BatchNorm is folded into Wx and bx (`fold_batchnorm.py`), bx and bh are one bias;
- the rows stand in the order i f o g: one sigmoid and one tanh serve all sub-modules and directions of a step;
- matrices of all sub-modules and directions are stacked: one `bmm` a step;
- where a step has more than one row, i f o and g come from a `bmm` each, so that neither is cut out of the other's;
  with one row, a second operator costs more than the cut;
- Wx x + b is computed for several steps at once, for so many rows of x that it is still in the core's cache when it is
  read;
- in the recurrence over bands, h and c are zero before the first step, which needs neither Wh nor f.

The sweep backwards over bands is a sweep forwards over bands in reversed order. Order is changed by products with
0/1 matrices, which are exact: [I ; J] gives both orders at once, diag(I, J) restores them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edge_export.baking.separator.constants import constant, fixed, join, linear, part, swap
from edge_export.baking.separator.fold_batchnorm import Affine, fold
from edge_export.mothers.band_recurrence import ParallelRecurrence, Recurrence

NAME = "merge_recurrences"
_CACHED_ROWS = 48
"""Of x, at once: a multiple of what kernels take together (6 or 8; 7 wastes one in 49)."""


class TimeRecurrence(nn.Module):
    """One or more steps over time for all bands; the state of all sub-modules comes in and goes out."""

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
        """`(frames × bands, N)`, twice `(width, bands, H)` to `(frames × bands, width × H)` and the new state."""
        rows, bands = x.shape[0], hidden.shape[1]

        def project(first: int, stop: int) -> list[Tensor]:
            some = part(x, 0, first * bands, stop * bands)
            return [swap(layer(some).view(len(some), self.width, -1)) for layer in self.from_x]

        steps, cell = _recur(project, self.from_h, rows // bands, bands, (hidden, cell))
        return swap(join(steps, 1)).reshape(rows, -1), steps[-1], cell


class BandRecurrence(nn.Module):
    """Both sweeps over the bands of each frame; made for calls of so many frames."""

    orders: Tensor
    restore: Tensor

    def __init__(self, parallel: ParallelRecurrence, bands: int, frames: int) -> None:
        super().__init__()
        self.width, self.bands = len(parallel.branches), bands
        from_x, from_h = _folded(parallel, ("", "_reverse"))
        cuts = _cuts(frames, from_h[0].shape[1])
        self.from_x = nn.ModuleList(
            Stacked(torch.stack([a.weight[cut].T for a in from_x]), torch.stack([a.bias[cut] for a in from_x]))
            for cut in cuts
        )
        self.from_h = nn.ModuleList(Stacked(torch.stack([w[cut].T for w in from_h])) for cut in cuts)
        same = torch.eye(bands, dtype=torch.float64)
        constant(self, "orders", torch.cat([same, same.flip(0)] * self.width))
        constant(self, "restore", torch.stack([same, same.flip(0)]))

    def forward(self, x: Tensor) -> Tensor:
        """`(frames × bands, N)` to `(frames × bands, width × 2H)`."""
        width, bands, frames = self.width, self.bands, x.shape[0] // self.bands
        by_band = F.linear(x.view(frames, bands, -1).permute(0, 2, 1), self.orders)
        ordered = by_band.view(frames, -1, 2 * width, bands).permute(2, 3, 0, 1).reshape(2 * width, bands * frames, -1)

        def project(first: int, stop: int) -> list[Tensor]:
            some = part(ordered, 1, first * frames, stop * frames)
            return [layer(some) for layer in self.from_x]

        steps, _ = _recur(project, self.from_h, bands, frames, None)
        swept = join(steps, 1).view(width, 2, bands, frames, -1).permute(1, 0, 3, 4, 2)
        restored = torch.bmm(swept.reshape(2, -1, bands), self.restore)
        return restored.view(2, width, frames, -1, bands).permute(2, 4, 1, 0, 3).reshape(frames * bands, -1)


class Stacked(nn.Module):
    """x W + b of all sub-modules and directions at once: `(stack, rows, in)` to `(stack, rows, out)`."""

    weight: Tensor
    bias: Tensor

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        fixed(self, "weight", weight)
        self.has_bias = bias is not None
        if bias is not None:
            fixed(self, "bias", bias[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """One product of matrices."""
        product = torch.bmm(x, self.weight)
        return product + self.bias if self.has_bias else product


def _recur(
    project: Callable[[int, int], list[Tensor]],
    from_h: Iterable[nn.Module],
    count: int,
    rows: int,
    state: tuple[Tensor, Tensor] | None,
) -> tuple[list[Tensor], Tensor]:
    """The hidden features `(stack, rows, H)` after each of `count` steps, and the cells after the last.

    Args:
        project: Wx x + b of the steps from the first number to before the second, `(stack, steps × rows, …)`.
        state: Hidden and cell before; None for zeros.
    """
    hidden, cell = (None, None) if state is None else state
    together, steps = max(1, _CACHED_ROWS // rows), []
    for step in range(count):
        if step % together == 0:
            projected = project(step, min(step + together, count))
        first = step % together * rows
        z = [part(whole, 1, first, first + rows) for whole in projected]
        if hidden is not None:
            z = [of_x + layer(hidden) for of_x, layer in zip(z, from_h, strict=True)]
        hidden, cell = lstm_step(z, cell)
        steps.append(hidden)
    assert cell is not None
    return steps, cell


def lstm_step(z: Sequence[Tensor], cell: Tensor | None) -> tuple[Tensor, Tensor]:
    """Hidden and cell `(…, H)` after a step.

    Args:
        z: What the gates are made of, in the order i f o g: `(…, 4H)`, or `(…, 3H)` and `(…, H)`.
        cell: What they were before; None for zeros.
    """
    size = sum(each.shape[-1] for each in z) // 4
    gates, candidate = z if len(z) == 2 else (z[0][..., : 3 * size], z[0][..., 3 * size :])
    gates, candidate = torch.sigmoid(gates), torch.tanh(candidate)
    added = gates[..., :size] * candidate
    cell = added if cell is None else gates[..., size : 2 * size] * cell + added
    return gates[..., 2 * size :] * torch.tanh(cell), cell


def _cuts(rows: int, size: int) -> tuple[slice, ...]:
    """Which of a matrix's rows i f o g are a matrix of their own, for steps of so many rows."""
    return (slice(4 * size),) if rows == 1 else (slice(3 * size), slice(3 * size, 4 * size))


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
