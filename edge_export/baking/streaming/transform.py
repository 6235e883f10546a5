"""Window, DFT and inverse DFT of single frames → two small constant matrices each, without reordering of the bins.

With n = N₂b + t (block b of R, t within it) and N₂ = n_fft / R,
    X[r + Rj] = Σ_t  e^(−2πi t (r + Rj) / n_fft)  Y_r[t],     Y_r[t] = Σ_b e^(−2πi br / R) x[N₂b + t]

Y of all r is one matrix (R, R) on all blocks: the frame is real, so that Y₀ and Y_{R/2} are, and Y_{R−r} = conj Y_r.
Then group g of R/2 computes the bins ≡ ±g (mod R) from the real and imaginary part of Y_g. Group 0 computes those ≡ 0
and ≡ R/2 from Y₀ and Y_{R/2}. That is R/2 matrices (2N₂, 2N₂), one batched product. It needs n_fft (R + 2n_fft/R)
products instead of n_fft²/2. The inverse uses the same matrices, transposed.

Bins keep the order of that product: column j holds the bins R j … R (j + 1) − 1, first those ≡ g, then those ≡ −g. The
last bin, n_fft/2, is at the end (`bin_order`):

    spectrum (rows, re|im, n_fft/2 + 1)

The adjacent matrices (band split, masks) have their rows and columns in that order instead. The imaginary part of bin 0
is zero, so the batched product stores the last bin, which is real, in its place.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge_export.baking.streaming.constants import constant, rows_of, swap
from edge_export.mothers.band_split.dft import analysis_window, synthesis_window

NAME = "streamed_transform"


def radix(n_fft: int) -> int:
    """Returns R: the largest power of two for which R² ≤ 2 n_fft and 2R divides n_fft. It needs the fewest products."""
    r = 2
    while (2 * r) ** 2 <= 2 * n_fft and n_fft % (4 * r) == 0:
        r *= 2
    return r


def bin_order(n_fft: int) -> list[int]:
    """Returns the bin at each position of a spectrum."""
    r = radix(n_fft)
    residues = [*range(r // 2), r // 2, *range(r - 1, r // 2, -1)]
    return [r * column + residue for column in range(n_fft // r // 2) for residue in residues] + [n_fft // 2]


def two_matrices(n_fft: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the matrix on the blocks `(R, R)` and those of the groups `(R/2, 2 N₂, 2 N₂)`, scaled by n_fft ** -0.5.

    The rows of the first are the real and imaginary part of each group. The rows of the second are inputs; its columns
    are (re|im, ±g, column j).
    """
    r, size = radix(n_fft), n_fft // radix(n_fft)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(r), np.arange(r)) / r)
    pairs = [np.stack([turns[0].real, turns[r // 2].real])]
    pairs += [np.stack([turns[g].real, turns[g].imag]) for g in range(1, r // 2)]
    t, first = np.arange(size)[:, None], r * np.arange(size // 2)
    groups = []
    for g in range(r // 2):
        low, high = (np.exp(-2j * np.pi * t * (k + first) / n_fft) for k in (g, r // 2 if g == 0 else r - g))
        zero = np.zeros_like(low)
        # The contributions of the group's first and second real row to its bins.
        parts = [(low, zero), (zero, high)] if g == 0 else [(low, high), (1j * low, -1j * high)]
        rows = [np.stack([np.stack(part).real, np.stack(part).imag]) for part in parts]
        if g == 0:
            rows[0][1, 0, :, 0] = (-1.0) ** t[:, 0]
        groups.append(np.stack(rows).transpose(0, 3, 1, 2, 4).reshape(2 * size, 2 * size))
    return np.concatenate(pairs), np.stack(groups) / np.sqrt(n_fft)


class FrameAnalysis(nn.Module):
    """Transforms frames into spectra, `rows` of them in a step. The other arguments are those of `dft.Analysis`."""

    window: Tensor
    blocks: Tensor
    groups: Tensor
    zero: Tensor

    def __init__(self, n_fft: int, window: str, rows: int) -> None:
        super().__init__()
        self.radix, self.bins = radix(n_fft), n_fft // 2 + 1
        blocks, groups = (torch.from_numpy(m) for m in two_matrices(n_fft))
        constant(self, "window", torch.from_numpy(analysis_window(window, n_fft)))
        constant(self, "blocks", blocks[None])
        constant(self, "groups", groups)
        constant(self, "zero", torch.zeros(rows, 1))

    def forward(self, frames: Tensor) -> Tensor:
        """Transforms `(rows, n_fft)` into `(rows, 2, n_fft/2 + 1)`."""
        rows, r = len(frames), self.radix
        by_block = swap((frames * self.window).view(rows, r, -1)).reshape(1, r, -1)
        by_group = torch.bmm(self.blocks, by_block).view(r // 2, 2, rows, -1)
        packed = torch.bmm(_merged(by_group), self.groups)
        columns = packed.view(r // 2, rows, 2, 2, -1).permute(1, 2, 4, 3, 0).reshape(rows, -1)
        zero = rows_of(self.zero, rows)
        # Packed: all real parts but the last, the last bin, the imaginary parts from the second on.
        parts = [columns[:, : self.bins], zero, columns[:, self.bins :], zero]
        return torch.cat(parts, dim=1).view(rows, 2, self.bins)


class FrameSynthesis(nn.Module):
    """Transforms spectra into windowed frames for overlap-add. The arguments are those of `dft.Synthesis`."""

    window: Tensor
    blocks: Tensor
    groups: Tensor

    def __init__(self, n_fft: int, hop: int, window: str) -> None:
        super().__init__()
        self.radix, self.bins = radix(n_fft), n_fft // 2 + 1
        blocks, groups = (torch.from_numpy(m) for m in two_matrices(n_fft))
        groups = 2.0 * groups.transpose(1, 2)
        # All bins count twice, once more for their conjugates. The first and the last bin, packed as re|im, do not.
        columns = groups.shape[1] // 4
        groups[0, [0, 2 * columns]] /= 2.0
        constant(self, "window", torch.from_numpy(synthesis_window(analysis_window(window, n_fft), hop)))
        constant(self, "blocks", blocks.T[None])
        constant(self, "groups", groups)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Transforms `(rows, 2, n_fft/2 + 1)` into `(rows, n_fft)`."""
        rows, r = len(spectrum), self.radix
        flat = spectrum.view(rows, -1)
        packed = torch.cat([flat[:, : self.bins], flat[:, self.bins + 1 : -1]], dim=1)
        by_column = packed.view(rows, 2, -1, 2, r // 2).permute(4, 0, 1, 3, 2)
        by_group = torch.bmm(by_column.reshape(r // 2, rows, -1), self.groups).view(r // 2, rows, 2, -1)
        by_block = torch.bmm(self.blocks, _merged(by_group).reshape(1, r, -1))
        return swap(by_block.view(r, rows, -1)).reshape(rows, -1) * self.window


def _merged(x: Tensor) -> Tensor:
    """Merges `(groups, a, b, c)` to `(groups, b, a × c)`. The result is a view if a or b is 1."""
    groups, a, b, c = x.shape
    return x.view(groups, b, a * c) if 1 in (a, b) else x.permute(0, 2, 1, 3).reshape(groups, b, a * c)
