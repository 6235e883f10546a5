"""The loss and the metric of separators."""

from __future__ import annotations

import torch
from torch import Tensor


def separation_loss(estimate: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], scale: Tensor) -> Tensor:
    """Returns the L1 loss on the real part, the imaginary part and the waveform.

    Args:
        estimate, target: Spectra `(batch, stems, channels, 2, frames, bins)` and waveforms
            `(batch, stems, channels, samples)`.
        scale: The weight of each example `(batch,)`: one over its level, so that quiet and loud examples count equally.
    """
    # Twice the mean over both parts is the sum of their means.
    spectral = 2.0 * (estimate[0] - target[0]).abs().mean(dim=(1, 2, 3, 4, 5))
    temporal = (estimate[1] - target[1]).abs().mean(dim=(1, 2, 3))
    return ((spectral + temporal) * scale).mean()


def si_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Returns the scale-invariant signal-to-distortion ratio `(…)` in dB of waveforms `(…, samples)`.

    arXiv 1811.02508.
    """
    scale = (estimate * target).sum(-1, keepdim=True) / target.square().sum(-1, keepdim=True).clamp_min(1e-12)
    scaled = scale * target
    noise = (estimate - scaled).square().sum(-1)
    return 10.0 * torch.log10((scaled.square().sum(-1) + 1e-12) / (noise + 1e-12))
