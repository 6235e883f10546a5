"""The short-time Fourier transform and its inverse as constant matrices, so that every converter can take them.

Frame t holds the n_fft samples that end with hop t. A stream that is fed one hop a call can compute it at once, and
gets the `hop` samples back that lie `n_fft - hop` samples in the past: that is the delay.

The real transform is split once by radix 2, which halves the matrices. With a, b the two halves of a windowed frame,
    even bins  X[2j]   = sum_n (a + b)[n] exp(-2 pi i j n / (n_fft/2))
    odd bins   X[2j+1] = sum_n (a - b)[n] exp(-2 pi i (2j+1) n / n_fft)
and back, with E and O the inverse sums over even and odd bins: a = E + O, b = E - O.
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
    """A periodic window `(n_fft,)`: "hann" or "sqrt_hann"."""
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)
    windows = {"hann": hann, "sqrt_hann": np.sqrt(hann)}
    if name not in windows:
        raise RequestError(f"unknown window {name!r}: use one of {', '.join(windows)}")
    return windows[name]


def synthesis_window(window: NDArray[np.float64], hop: int) -> NDArray[np.float64]:
    """The dual window: overlapped products of the two sum to one at every sample (perfect reconstruction)."""
    energy = (window**2).reshape(-1, hop).sum(axis=0)
    if energy.min() < 1e-6:
        raise RequestError(f"a window of {len(window)} samples can't be undone at hop {hop}: use a shorter hop")
    return np.asarray(window / np.tile(energy, len(window) // hop))


def check_transform(n_fft: int, hop: int) -> None:
    """`RequestError` unless n_fft is a multiple of 4 and of hop, and hop at most half of it."""
    if n_fft % 4 or hop < 1 or n_fft % hop or hop > n_fft // 2:
        raise RequestError(
            f"n_fft {n_fft}, hop {hop}: hop must divide n_fft and be at most half of it, and 4 divide n_fft"
        )


def radix_2_matrices(n_fft: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Transforms of a + b into even bins and a - b into odd ones, scaled by n_fft ** -0.5.

    Returns:
        `(n_fft/2, 2, n_fft/4 + 1)` and `(n_fft/2, 2, n_fft/4)`; the middle axis is real, imaginary.
    """
    time = np.arange(n_fft // 2)[:, None]
    out = []
    for bins in (np.arange(0, n_fft // 2 + 1, 2), np.arange(1, n_fft // 2 + 1, 2)):
        angle = 2.0 * np.pi * time * bins / n_fft
        out.append(np.stack([np.cos(angle), -np.sin(angle)], axis=1) / math.sqrt(n_fft))
    return out[0], out[1]


class Analysis(nn.Module):
    """Waveform to spectrum.

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
        """`(…, samples)` to `(…, frames, n_fft)`, zeros around; as many frames as the inverse needs."""
        samples = audio.shape[-1]
        hops = -(-samples // self.hop) + self.n_fft // self.hop - 1
        padded = F.pad(audio, (self.n_fft - self.hop, hops * self.hop - samples))
        return padded.unfold(-1, self.n_fft, self.hop)

    def transform(self, frames: Tensor) -> Tensor:
        """`(…, frames, n_fft)` to `(…, 2, frames, bins)`: real and imaginary."""
        windowed = frames * self.window
        half = self.n_fft // 2
        a, b = windowed[..., :half], windowed[..., half:]
        even = ((a + b) @ self.even).unflatten(-1, (2, -1))
        odd = ((a - b) @ self.odd).unflatten(-1, (2, -1))
        spectrum = torch.cat([even, odd], dim=-1).index_select(-1, self.order)
        return spectrum.transpose(-2, -3)

    def forward(self, audio: Tensor) -> Tensor:
        """`(batch, channels, samples)` to `(batch, channels, 2, frames, bins)`."""
        return self.transform(self.frames(audio))


class Synthesis(nn.Module):
    """Spectrum to waveform; the inverse of `Analysis` with the same arguments."""

    window: Tensor
    even: Tensor
    odd: Tensor

    def __init__(self, n_fft: int, hop: int, window: str) -> None:
        super().__init__()
        check_transform(n_fft, hop)
        self.n_fft, self.hop = n_fft, hop
        even, odd = radix_2_matrices(n_fft)
        # Bins but the first and the last stand for themselves and their conjugates.
        even, odd = 2.0 * even, 2.0 * odd
        even[:, :, [0, -1]] /= 2.0
        _constant(self, "window", synthesis_window(analysis_window(window, n_fft), hop))
        _constant(self, "even", even.reshape(n_fft // 2, -1).T)
        _constant(self, "odd", odd.reshape(n_fft // 2, -1).T)

    def transform(self, spectrum: Tensor) -> Tensor:
        """`(…, 2, frames, bins)` to windowed `(…, frames, n_fft)`."""
        spectrum = spectrum.transpose(-2, -3)
        even = spectrum[..., 0::2].flatten(-2) @ self.even
        odd = spectrum[..., 1::2].flatten(-2) @ self.odd
        return torch.cat([even + odd, even - odd], dim=-1) * self.window

    def overlap_add(self, frames: Tensor, samples: int) -> Tensor:
        """`(…, frames, n_fft)` to `(…, samples)`, aligned with what `Analysis.frames` was given."""
        parts = self.n_fft // self.hop
        blocks = frames.unflatten(-1, (parts, self.hop))
        total = F.pad(blocks[..., 0, :], (0, 0, 0, parts - 1))
        for part in range(1, parts):
            total = total + F.pad(blocks[..., part, :], (0, 0, part, parts - 1 - part))
        return total[..., parts - 1 :, :].flatten(-2)[..., :samples]

    def forward(self, spectrum: Tensor, samples: int) -> Tensor:
        """`(…, 2, frames, bins)` to `(…, samples)`."""
        return self.overlap_add(self.transform(spectrum), samples)


def _constant(module: nn.Module, name: str, value: NDArray[np.float64]) -> None:
    # Not in checkpoints: they follow from the settings.
    module.register_buffer(name, torch.from_numpy(value.astype(np.float32)).contiguous(), persistent=False)
