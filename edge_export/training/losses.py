"""What a separator is trained on, and what it is judged by."""

from __future__ import annotations

import torch
from torch import Tensor


def separation_loss(estimate: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], scale: Tensor) -> Tensor:
    """L1 on the real part, the imaginary part and the waveform.

    Args:
        estimate, target: Spectra `(batch, stems, channels, 2, frames, bins)` and waveforms
            `(batch, stems, channels, samples)`.
        scale: Weight of each example `(batch,)`: one over its level, so that quiet ones teach as much as loud ones.
    """
    # Twice the mean over both parts: the sum of their means.
    spectral = 2.0 * (estimate[0] - target[0]).abs().mean(dim=(1, 2, 3, 4, 5))
    temporal = (estimate[1] - target[1]).abs().mean(dim=(1, 2, 3))
    return ((spectral + temporal) * scale).mean()


def si_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio `(…)` in dB of waveforms `(…, samples)` (arXiv 1811.02508)."""
    scale = (estimate * target).sum(-1, keepdim=True) / target.square().sum(-1, keepdim=True).clamp_min(1e-12)
    wanted = scale * target
    noise = (estimate - wanted).square().sum(-1)
    return 10.0 * torch.log10((wanted.square().sum(-1) + 1e-12) / (noise + 1e-12))
