"""Window, DFT and inverse DFT of single frames → constant matrices, in an order that needs no reordering.

The transform is split once by radix 2 (see `mothers/dft.py`): even bins X[2j] from a + b, odd bins X[2j+1] from a − b.
Interleaving them costs an operator that no delegate has. Here they stay apart: column j of parity p is bin 2j + p,

    spectrum (rows, parity, re|im, columns),   columns = n_fft/4 + 1, the last odd one always zero,

and the matrices before and behind (band split, masks) have their rows and columns in that order instead.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edge_export.baking.separator.constants import constant
from edge_export.mothers.dft import analysis_window, radix_2_matrices, synthesis_window

NAME = "streamed_transform"


def columns(n_fft: int) -> int:
    """How many columns a spectrum has per parity."""
    return n_fft // 4 + 1


class FrameAnalysis(nn.Module):
    """Frames to spectra; the arguments are those of `mothers.dft.Analysis`."""

    window: Tensor
    even: Tensor
    odd: Tensor

    def __init__(self, n_fft: int, window: str) -> None:
        super().__init__()
        self.middle, self.columns = n_fft // 2, columns(n_fft)
        even, odd = (torch.from_numpy(m) for m in radix_2_matrices(n_fft))
        constant(self, "window", torch.from_numpy(analysis_window(window, n_fft)))
        constant(self, "even", even.flatten(1).T)
        constant(self, "odd", F.pad(odd, (0, 1)).flatten(1).T)

    def forward(self, frames: Tensor) -> Tensor:
        """`(rows, n_fft)` to `(rows, 2, 2, columns)`."""
        windowed = frames * self.window
        a, b = windowed[:, : self.middle], windowed[:, self.middle :]
        spectrum = torch.cat([F.linear(a + b, self.even), F.linear(a - b, self.odd)], dim=1)
        return spectrum.view(-1, 2, 2, self.columns)


class FrameSynthesis(nn.Module):
    """Spectra to windowed frames, to be overlapped and added; the arguments are those of `mothers.dft.Synthesis`."""

    window: Tensor
    even: Tensor
    odd: Tensor

    def __init__(self, n_fft: int, hop: int, window: str) -> None:
        super().__init__()
        self.width = 2 * columns(n_fft)
        even, odd = (2.0 * torch.from_numpy(m) for m in radix_2_matrices(n_fft))
        even[:, :, [0, -1]] /= 2.0  # all bins but the first and the last stand for their conjugates, too
        constant(self, "window", torch.from_numpy(synthesis_window(analysis_window(window, n_fft), hop)))
        constant(self, "even", even.flatten(1))
        constant(self, "odd", F.pad(odd, (0, 1)).flatten(1))

    def forward(self, spectrum: Tensor) -> Tensor:
        """`(rows, 2, 2, columns)` to `(rows, n_fft)`."""
        flat = spectrum.view(-1, 2 * self.width)
        even, odd = F.linear(flat[:, : self.width], self.even), F.linear(flat[:, self.width :], self.odd)
        return torch.cat([even + odd, even - odd], dim=1) * self.window
