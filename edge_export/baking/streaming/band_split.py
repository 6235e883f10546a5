"""Compression, BatchNorm and a linear layer for each band → elementwise operators and one matrix for each run of bands.

The matrix of a run reads values (rows, channels × parts, bins) in the order of `transform.py`:

    row (k, n), column (channel, part, bin):   W_k[n, (channel, part, bin)], or 0 outside of band k

`fold_batchnorm.py` first folds the preceding BatchNorm.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edge_export.baking.streaming.band_runs import Run, runs
from edge_export.baking.streaming.constants import join, linear, part
from edge_export.baking.streaming.fold_batchnorm import Affine, affine, fold
from edge_export.mothers.band_split.network import COMPRESSION_FLOOR, BandSplit, BandSplitSettings

NAME = "band_split"


class StreamedBandSplit(nn.Module):
    """Maps spectra to features. Built from a mother's `BandSplit` with batch norm, for calls of `frames` frames."""

    def __init__(self, split: BandSplit, settings: BandSplitSettings, frames: int) -> None:
        super().__init__()
        s, self.compressed = settings, settings.compressed
        self.parts = 3 if s.compressed else 2
        found = runs(s.edges, s.n_fft, s.channels * self.parts, s.features, frames)
        self.cuts = [(run.start, run.stop) for run in found]
        assert split.norm is not None
        first, folded = 0, []
        for layer, size in zip(split.linears, split.sizes, strict=True):
            assert isinstance(layer, nn.Linear)
            folded.append(fold(split.norm, affine(layer), first))
            first += size
        self.linears = nn.ModuleList(_run_linear(run, folded, s.channels, self.parts) for run in found)

    def forward(self, spectrum: Tensor, frames: int) -> Tensor:
        """Maps `(frames × channels, 2, bins)` to `(frames, bands × features)`."""
        values = compress(spectrum) if self.compressed else spectrum
        values = values.view(frames, -1, values.shape[-1])
        features = [
            layer(part(values, 2, start, stop).reshape(frames, -1))
            for layer, (start, stop) in zip(self.linears, self.cuts, strict=True)
        ]
        return join(features, 1)


def compress(spectrum: Tensor) -> Tensor:
    """Maps `(rows, 2, bins)` to `(rows, 3, bins)`.

    The three values are the real part, the imaginary part and the magnitude, each divided by the root of the magnitude.
    """
    real, imaginary = spectrum[:, :1], spectrum[:, 1:]
    root = torch.sqrt(torch.sqrt(real * real + imaginary * imaginary + COMPRESSION_FLOOR))
    return torch.cat([spectrum / root, root], dim=1)


def _run_linear(run: Run, folded: list[Affine], channels: int, parts: int) -> nn.Linear:
    blocks = []
    for offset, band in enumerate(run.bands):
        weight, bias = folded[run.first + offset]
        block = weight.new_zeros(len(weight), channels, parts, len(run.bins))
        block[..., run.places(band)] = weight.view(len(weight), channels, parts, -1)
        blocks.append(Affine(block.flatten(1), bias))
    return linear(torch.cat([b.weight for b in blocks]), torch.cat([b.bias for b in blocks]))
