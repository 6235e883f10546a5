"""The separator's residual layer: parallel recurrent sub-modules over time, then over bands, gated and averaged.

A layer maps features `(batch, frames, bands, features)` to the same shape. With w sub-modules f_g and their gates a_g,
    y = x + 1/w sum_g a_g f_g(norm(x)),   f_g = Linear(LSTM(.)) along one axis
(band-split RNN, arXiv 2209.15174, section 3; parallel sub-modules, arXiv 2312.03464, section 2.2).
"""

from __future__ import annotations

from itertools import islice
from typing import Literal

import torch
from torch import Tensor, nn

from edge_export.mothers.band_split.tac import TACGate, gated_mean

Norm = Literal["batch", "group"]
Axis = Literal["time", "band"]


class Recurrence(nn.Module):
    """One sub-module: an LSTM and a projection back to the features.

    Args:
        features: N, the input and output features.
        hidden: H of the LSTM, per direction.
        bidirectional: Whether the LSTM runs in both directions.
    """

    def __init__(self, features: int, hidden: int, bidirectional: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, batch_first=True, bidirectional=bidirectional)
        self.projection = nn.Linear(hidden * (2 if bidirectional else 1), features)

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(sequences, steps, features)` to the same shape."""
        return self.projection(self.lstm(x)[0])  # type: ignore[no-any-return]


class ParallelRecurrence(nn.Module):
    """Parallel sub-modules along one axis, with their norm, their gate and the residual connection.

    Args:
        features, hidden: N and H of each sub-module.
        width: The number of sub-modules.
        axis: "time" (each band's frames are a sequence) or "band" (each frame's bands are a sequence).
        bidirectional: Whether the recurrence runs in both directions.
        norm: "batch" has one statistic per feature for all frames and bands. "group" computes it from each sequence.
        gate_hidden: Hidden features of the TAC gate; None: no gates.
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        width: int,
        axis: Axis,
        bidirectional: bool,
        norm: Norm,
        gate_hidden: int | None,
    ) -> None:
        super().__init__()
        self.axis = axis
        self.norm: nn.Module = nn.BatchNorm1d(features) if norm == "batch" else nn.GroupNorm(1, features)
        self.branches = nn.ModuleList(Recurrence(features, hidden, bidirectional) for _ in range(width))
        self.gate = None if gate_hidden is None else TACGate(features, gate_hidden)

    def forward(self, x: Tensor, width: int | None = None) -> Tensor:
        """Maps `(batch, frames, bands, features)` to the same shape with the first `width` sub-modules (None: all)."""
        batch, frames, bands, features = x.shape
        sequences = (x.transpose(1, 2) if self.axis == "time" else x).flatten(0, 1)
        normed = normalize(self.norm, sequences)
        outputs = torch.stack([branch(normed) for branch in islice(self.branches, width)])
        change = gated_mean(outputs, self.gate)
        if self.axis == "time":
            return x + change.view(batch, bands, frames, features).transpose(1, 2)
        return x + change.view(batch, frames, bands, features)


class ResidualLayer(nn.Module):
    """Recurrence over time, then over bands: one step of depth. If `causal`, the one over time runs forwards only."""

    def __init__(
        self, features: int, hidden: int, width: int, causal: bool, norm: Norm, gate_hidden: int | None
    ) -> None:
        super().__init__()
        self.time = ParallelRecurrence(features, hidden, width, "time", not causal, norm, gate_hidden)
        self.band = ParallelRecurrence(features, hidden, width, "band", True, norm, gate_hidden)

    def forward(self, x: Tensor, width: int | None = None) -> Tensor:
        """Maps `(batch, frames, bands, features)` to the same shape."""
        return self.band(self.time(x, width), width)  # type: ignore[no-any-return]


def normalize(norm: nn.Module, sequences: Tensor) -> Tensor:
    """Normalizes `(sequences, steps, features)`: BatchNorm over all rows, GroupNorm within each sequence."""
    if isinstance(norm, nn.BatchNorm1d):
        return norm(sequences.flatten(0, 1)).view_as(sequences)  # type: ignore[no-any-return]
    return norm(sequences.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]
