"""Output projections, TAC gate and mean of w parallel sub-modules → four matrices over all sub-modules at once.

With h_g the hidden features of sub-module g, its projection z_g = P_g h_g + p_g and the gate of `mothers/tac.py`:

    v_g = PReLU(W1 z_g + b1)           = PReLU((W1 P_g) h_g + (W1 p_g + b1))      a matrix for each g
    r   = PReLU(W2 mean_g(v_g) + b2)   = PReLU([W2/w … W2/w] [v_1 … v_w] + b2)    the mean's 1/w is in the weights
    a_g = σ(W3 [v_g ; r] + b3)         = σ([diag(W3a) | W3b] [v_1 … v_w ; r] + b3)    r's part is computed once
    y   = 1/w Σ_g a_g z_g              = [P_1/w … P_w/w | p_1/w … p_w/w] [a_1 h_1 … a_w h_w ; a_1 … a_w]

so that z_g itself is never computed. With one sub-module, y = a (P h + p). Without gates, or with constant gates
(`freeze_gates.py`), one matrix is enough:

    y = [a_1 P_1/w … a_w P_w/w] [h_1 … h_w] + Σ_g a_g p_g/w
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edge_export.baking.streaming.constants import join, linear, part
from edge_export.baking.streaming.fold_batchnorm import Affine, affine
from edge_export.baking.streaming.freeze_gates import ConstantGates
from edge_export.mothers.band_split.recurrence import ParallelRecurrence, Recurrence
from edge_export.mothers.band_split.tac import TACGate

NAME = "fold_gates"


class GatedSum(nn.Module):
    """Maps the hidden features of all sub-modules to the gated mean of their outputs."""

    def __init__(self, projections: list[Affine], gate: TACGate) -> None:
        super().__init__()
        count = self.width = len(projections)
        self.slopes = [float(a.weight.detach()) for a in (gate.transform_activation, gate.average_activation)]
        transform, average, concatenate = affine(gate.transform), affine(gate.average), affine(gate.concatenate)
        own = [_through(transform, p) for p in projections]
        self.own = nn.ModuleList(linear(*each) for each in own)
        self.average = linear((average.weight / count).repeat(1, count), average.bias)
        half, shared = concatenate.weight[:, : gate.hidden], concatenate.weight[:, gate.hidden :]
        both = torch.cat([torch.block_diag(*[half] * count), shared.repeat(count, 1)], dim=1)
        self.gates = linear(both, concatenate.bias.repeat(count))
        if count == 1:
            self.output = linear(*projections[0])
        else:
            weights, biases = [p.weight / count for p in projections], [p.bias[:, None] / count for p in projections]
            joined = torch.cat([*weights, *biases], dim=1)
            self.output = linear(joined, joined.new_zeros(len(joined)))

    def forward(self, hidden: Tensor) -> Tensor:
        """Maps `(rows, width × H)` to `(rows, N)`."""
        size = hidden.shape[1] // self.width
        each = [layer(part(hidden, 1, g * size, (g + 1) * size)) for g, layer in enumerate(self.own)]
        own = F.leaky_relu(join(each, 1), self.slopes[0])
        shared = F.leaky_relu(self.average(own), self.slopes[1])
        gates = torch.sigmoid(self.gates(torch.cat([own, shared], dim=1)))
        if self.width == 1:
            return self.output(hidden) * gates  # type: ignore[no-any-return]
        gated = hidden.view(-1, self.width, size) * gates.view(-1, self.width, 1)
        return self.output(torch.cat([gated.view(hidden.shape), gates], dim=1))  # type: ignore[no-any-return]


def fold_gates(parallel: ParallelRecurrence) -> nn.Module:
    """Returns one module for all that follows the LSTMs of `parallel`. It maps `(rows, width × H)` to `(rows, N)`."""
    projections = []
    for branch in parallel.branches:
        assert isinstance(branch, Recurrence)
        projections.append(affine(branch.projection))
    gate = parallel.gate
    if isinstance(gate, TACGate):
        return GatedSum(projections, gate)
    count = len(projections)
    means = gate.means.double() if isinstance(gate, ConstantGates) else torch.ones(count, dtype=torch.float64)
    weights = [p.weight * a / count for p, a in zip(projections, means, strict=True)]
    bias = sum(p.bias * a / count for p, a in zip(projections, means, strict=True))
    assert isinstance(bias, Tensor)
    return linear(torch.cat(weights, dim=1), bias)


def _through(outer: Affine, inner: Affine) -> Affine:
    """Returns outer(inner(x)) as one affine map."""
    return Affine(outer.weight @ inner.weight, outer.weight @ inner.bias + outer.bias)
