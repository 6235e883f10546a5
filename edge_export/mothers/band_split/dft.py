"""The short-time Fourier transform and its inverse as constant matrices, which every converter supports.

Frame t holds the n_fft samples that end with hop t. A stream receives one hop a call and can compute frame t at once.
It returns the `hop` samples that lie `n_fft - hop` samples in the past; that is the delay.

The real transform is split once by radix 2, which halves the matrices. With a, b the two halves of a windowed frame,
    even bins  X[2j]   = sum_n (a + b)[n] exp(-2 pi i j n / (n_fft/2))
    odd bins   X[2j+1] = sum_n (a - b)[n] exp(-2 pi i (2j+1) n / n_fft)
The inverse, with E and O the inverse sums over even and odd bins: a = E + O, b = E - O.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from edge_export.errors import RequestError


def analysis_window(name: str, n_fft: int) -> NDArray[np.float64]:
    """Returns the periodic window `(n_fft,)` called `name`: "hann" or "sqrt_hann"."""
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)
    windows = {"hann": hann, "sqrt_hann": np.sqrt(hann)}
    if name not in windows:
        raise RequestError(f"unknown window {name!r}: use one of {', '.join(windows)}")
    return windows[name]


def synthesis_window(window: NDArray[np.float64], hop: int) -> NDArray[np.float64]:
    """Returns the dual window: the overlapped products of both windows sum to one (perfect reconstruction)."""
    energy = (window**2).reshape(-1, hop).sum(axis=0)
    if energy.min() < 1e-6:
        raise RequestError(f"a window of {len(window)} samples cannot be inverted at hop {hop}: use a shorter hop")
    return np.asarray(window / np.tile(energy, len(window) // hop))


def check_transform(n_fft: int, hop: int) -> None:
    """Raises `RequestError` unless n_fft is a multiple of 4 and of hop, and hop is at most half of n_fft."""
    if n_fft % 4 or hop < 1 or n_fft % hop or hop > n_fft // 2:
        raise RequestError(
            f"n_fft {n_fft}, hop {hop}: n_fft must be a multiple of 4 and of hop, and hop at most half of n_fft"
        )


def radix_2_matrices(n_fft: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the matrices that transform a + b into even bins and a - b into odd bins, scaled by n_fft ** -0.5.

    Returns:
        Arrays `(n_fft/2, 2, n_fft/4 + 1)` and `(n_fft/2, 2, n_fft/4)`. The middle axis is (real, imaginary).
    """
    time = np.arange(n_fft // 2)[:, None]
    out = []
    for bins in (np.arange(0, n_fft // 2 + 1, 2), np.arange(1, n_fft // 2 + 1, 2)):
        angle = 2.0 * np.pi * time * bins / n_fft
        out.append(np.stack([np.cos(angle), -np.sin(angle)], axis=1) / math.sqrt(n_fft))
    return out[0], out[1]


class Analysis(nn.Module):
    """Transforms a waveform into a spectrum.

    Args:
        n_fft: Samples in a frame.
        hop: Samples between frames.
        window: "hann" or "sqrt_hann".
    """

    window: Tensor
    even: Tensor
    odd: Tensor
    order: Tensor

    def __init__(self, n_fft: int, hop: int, window: str) -> None:
        super().__init__()
        check_transform(n_fft, hop)
        self.n_fft, self.hop, self.bins = n_fft, hop, n_fft // 2 + 1
        even, odd = radix_2_matrices(n_fft)
        _constant(self, "window", analysis_window(window, n_fft))
        _constant(self, "even", even.reshape(n_fft // 2, -1))
        _constant(self, "odd", odd.reshape(n_fft // 2, -1))
        natural = np.argsort(np.concatenate([np.arange(0, self.bins, 2), np.arange(1, self.bins, 2)]))
        self.register_buffer("order", torch.from_numpy(natural), persistent=False)

    def frames(self, audio: Tensor) -> Tensor:
        """Splits `(…, samples)`, padded with zeros, into `(…, frames, n_fft)`: all frames that the inverse needs."""
        samples = audio.shape[-1]
        hops = -(-samples // self.hop) + self.n_fft // self.hop - 1
        padded = F.pad(audio, (self.n_fft - self.hop, hops * self.hop - samples))
        return padded.unfold(-1, self.n_fft, self.hop)

    def transform(self, frames: Tensor) -> Tensor:
        """Transforms `(…, frames, n_fft)` into `(…, 2, frames, bins)`: real and imaginary parts."""
        windowed = frames * self.window
        half = self.n_fft // 2
        a, b = windowed[..., :half], windowed[..., half:]
        even = ((a + b) @ self.even).unflatten(-1, (2, -1))
        odd = ((a - b) @ self.odd).unflatten(-1, (2, -1))
        spectrum = torch.cat([even, odd], dim=-1).index_select(-1, self.order)
        return spectrum.transpose(-2, -3)

    def forward(self, audio: Tensor) -> Tensor:
        """Transforms `(batch, channels, samples)` into `(batch, channels, 2, frames, bins)`."""
        return self.transform(self.frames(audio))


class Synthesis(nn.Module):
    """Transforms a spectrum into a waveform: the inverse of `Analysis` with the same arguments."""

    window: Tensor
    even: Tensor
    odd: Tensor

    def __init__(self, n_fft: int, hop: int, window: str) -> None:
        super().__init__()
        check_transform(n_fft, hop)
        self.n_fft, self.hop = n_fft, hop
        even, odd = radix_2_matrices(n_fft)
        # All bins but the first and the last count twice: once more for their conjugates.
        even, odd = 2.0 * even, 2.0 * odd
        even[:, :, [0, -1]] /= 2.0
        _constant(self, "window", synthesis_window(analysis_window(window, n_fft), hop))
        _constant(self, "even", even.reshape(n_fft // 2, -1).T)
        _constant(self, "odd", odd.reshape(n_fft // 2, -1).T)

    def transform(self, spectrum: Tensor) -> Tensor:
        """Transforms `(…, 2, frames, bins)` into windowed frames `(…, frames, n_fft)`."""
        spectrum = spectrum.transpose(-2, -3)
        even = spectrum[..., 0::2].flatten(-2) @ self.even
        odd = spectrum[..., 1::2].flatten(-2) @ self.odd
        return torch.cat([even + odd, even - odd], dim=-1) * self.window

    def overlap_add(self, frames: Tensor, samples: int) -> Tensor:
        """Adds frames `(…, frames, n_fft)` up to `(…, samples)`, aligned with the input of `Analysis.frames`."""
        parts = self.n_fft // self.hop
        blocks = frames.unflatten(-1, (parts, self.hop))
        total = F.pad(blocks[..., 0, :], (0, 0, 0, parts - 1))
        for part in range(1, parts):
            total = total + F.pad(blocks[..., part, :], (0, 0, part, parts - 1 - part))
        return total[..., parts - 1 :, :].flatten(-2)[..., :samples]

    def forward(self, spectrum: Tensor, samples: int) -> Tensor:
        """Transforms `(…, 2, frames, bins)` into `(…, samples)`."""
        return self.overlap_add(self.transform(spectrum), samples)


def _constant(module: nn.Module, name: str, value: NDArray[np.float64]) -> None:
    # Not persistent: the settings determine the constants, so checkpoints need not hold them.
    module.register_buffer(name, torch.from_numpy(value.astype(np.float32)).contiguous(), persistent=False)
