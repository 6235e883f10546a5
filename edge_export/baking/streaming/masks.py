"""BatchNorm, linear, tanh, linear and GLU for each band → one batched matrix, then one matrix for each run of bands.

    hidden_k = tanh(W_k x_k + b_k)                         all bands at once: bmm over bands, BatchNorm folded
    [value ; gate]_run = diag(V_i … V_j) [hidden_i … hidden_j] + c        rows in `transform.py`'s order of bins
    mask = value · sigmoid(gate)                           GLU

Rows of the second matrix: (value|gate, mask, channel, re|im, bin).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edge_export.baking.streaming.band_runs import Run, runs
from edge_export.baking.streaming.constants import fixed, join, linear, part, swap
from edge_export.baking.streaming.fold_batchnorm import Affine, affine, fold
from edge_export.mothers.band_split.network import BandSplitSettings, MaskEstimation

NAME = "masks"


class StreamedMasks(nn.Module):
    """Maps features to complex masks.

    Built from a mother's `MaskEstimation` with batch norm, for calls of `frames` frames.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, estimation: MaskEstimation, settings: BandSplitSettings, frames: int) -> None:
        super().__init__()
        s = settings
        assert estimation.norm is not None
        first, second = [], []
        for band, network in enumerate(estimation.networks):
            assert isinstance(network, nn.Sequential)
            first.append(fold(estimation.norm, affine(network[0]), band * s.features))  # type: ignore[arg-type]
            second.append(affine(network[2]))  # type: ignore[arg-type]
        fixed(self, "weight", torch.stack([a.weight.T for a in first]))
        fixed(self, "bias", torch.stack([a.bias for a in first])[:, None])
        self.bands, self.hidden = len(first), s.mask_hidden
        self.rows = 2 * s.masks * s.channels
        found = runs(s.edges, s.n_fft, 2 * self.rows, s.mask_hidden, frames)
        self.cuts = [(run.first * s.mask_hidden, (run.first + len(run.bands)) * s.mask_hidden) for run in found]
        self.linears = nn.ModuleList(_run_linear(run, second, s.masks * s.channels) for run in found)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """Maps `(frames × bands, features)` to `(frames, masks × channels × re|im, bins)`."""
        hidden = torch.tanh(torch.bmm(swap(x.view(frames, self.bands, -1)), self.weight) + self.bias)
        flat = swap(hidden).reshape(frames, self.bands * self.hidden)
        parts = [
            layer(part(flat, 1, start, stop)).view(frames, 2 * self.rows, -1)
            for layer, (start, stop) in zip(self.linears, self.cuts, strict=True)
        ]
        both = join(parts, 2)
        return both[:, : self.rows] * torch.sigmoid(both[:, self.rows :])


def _run_linear(run: Run, second: list[Affine], planes: int) -> nn.Linear:
    hidden = second[0].weight.shape[1]
    weight = second[0].weight.new_zeros(4 * planes, len(run.bins), len(run.bands), hidden)
    bias = second[0].weight.new_zeros(4 * planes, len(run.bins))
    for offset, band in enumerate(run.bands):
        source, places = second[run.first + offset], run.places(band)
        weight[:, places, offset] = source.weight.view(4 * planes, -1, hidden)
        bias[:, places] = source.bias.view(4 * planes, -1)
    return linear(weight.flatten(2).flatten(0, 1), bias.flatten())


def quarter_turn(spectrum: Tensor) -> Tensor:
    """Returns i X for a spectrum X `(rows, 2, bins)`: the factor of a mask's imaginary part."""
    return torch.cat([-spectrum[:, 1:], spectrum[:, :1]], dim=1)


def apply_mask(mask: Tensor, spectrum: Tensor, turned: Tensor) -> Tensor:
    """Returns the complex product of mask and spectrum, `(rows, 2, bins)`; `turned` is `quarter_turn(spectrum)`."""
    return mask[:, :1] * spectrum + mask[:, 1:] * turned
