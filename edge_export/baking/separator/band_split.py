"""Compression, BatchNorm and a linear layer for each band → elementwise operators and one matrix for each run of bands.

For a run of bands with columns s … e, reading values (rows, channels × parity × parts, columns) as in `transform.py`:

    row (k, n), column (channel, parity, part, j):   W_k[n, (channel, part, bin 2j + parity)], or 0 outside of band k

The BatchNorm before is folded by `fold_batchnorm.py` first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edge_export.baking.separator.band_runs import Run, runs
from edge_export.baking.separator.constants import join, linear, part
from edge_export.baking.separator.fold_batchnorm import Affine, affine, fold
from edge_export.mothers.band_split_network import COMPRESSION_FLOOR, BandSplit, BandSplitSettings

NAME = "band_split"


class StreamedBandSplit(nn.Module):
    """Spectra to features; made from a mother's `BandSplit` with batch norm."""

    def __init__(self, split: BandSplit, settings: BandSplitSettings) -> None:
        super().__init__()
        s, self.compressed = settings, settings.compressed
        self.parts = 3 if s.compressed else 2
        rows = s.channels * 2 * self.parts
        found = runs(s.edges, s.n_fft, rows, s.features)
        self.cuts = [(run.start, run.stop) for run in found]
        assert split.norm is not None
        first, folded = 0, []
        for layer, size in zip(split.linears, split.sizes, strict=True):
            assert isinstance(layer, nn.Linear)
            folded.append(fold(split.norm, affine(layer), first))
            first += size
        self.linears = nn.ModuleList(_run_linear(run, folded, s.channels, self.parts) for run in found)

    def forward(self, spectrum: Tensor, frames: int) -> Tensor:
        """`(frames × channels, 2, 2, columns)` to `(frames, bands × features)`."""
        values = compress(spectrum) if self.compressed else spectrum
        values = values.view(frames, -1, values.shape[-1])
        features = [
            layer(part(values, 2, start, stop).reshape(frames, -1))
            for layer, (start, stop) in zip(self.linears, self.cuts, strict=True)
        ]
        return join(features, 1)


def compress(spectrum: Tensor) -> Tensor:
    """`(rows, 2, 2, columns)` to `(rows, 2, 3, columns)`: real, imaginary and magnitude over the magnitude's root."""
    real, imaginary = spectrum[:, :, :1], spectrum[:, :, 1:]
    root = torch.sqrt(torch.sqrt(real * real + imaginary * imaginary + COMPRESSION_FLOOR))
    return torch.cat([real / root, imaginary / root, root], dim=2)


def _run_linear(run: Run, folded: list[Affine], channels: int, parts: int) -> nn.Linear:
    blocks = []
    for offset, (low, high) in enumerate(run.bands):
        weight, bias = folded[run.first + offset]
        block = weight.new_zeros(len(weight), channels, 2, parts, run.columns)
        source = weight.view(len(weight), channels, parts, high - low)
        for k in range(low, high):
            parity, column = run.column(k)
            block[:, :, parity, :, column] = source[..., k - low]
        blocks.append(Affine(block.flatten(1), bias))
    return linear(torch.cat([b.weight for b in blocks]), torch.cat([b.bias for b in blocks]))
