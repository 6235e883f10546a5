"""Frames to spectra and back, as the mother's transforms, even and odd bins apart."""

from __future__ import annotations

import pytest
import torch

from edge_export.baking.separator.transform import FrameAnalysis, FrameSynthesis
from edge_export.mothers.dft import Analysis, Synthesis


def natural(spectrum: torch.Tensor) -> torch.Tensor:
    """`(rows, parity, re|im, columns)` to `(re|im, rows, bins)`."""
    even, odd = spectrum.unbind(1)
    bins = torch.stack([even, odd], dim=-1).flatten(2)[..., :-1]
    return bins.transpose(0, 1)


@pytest.mark.parametrize(("n_fft", "hop", "window"), [(512, 256, "sqrt_hann"), (64, 16, "hann")])
def test_transforms_agree_with_the_mother(n_fft, hop, window, close):
    frames = torch.randn(3, n_fft)
    spectrum = FrameAnalysis(n_fft, window)(frames)
    assert close(natural(spectrum), Analysis(n_fft, hop, window).transform(frames))
    assert not spectrum[:, 1, :, -1].any(), "the last odd column has no bin"
    expected = Synthesis(n_fft, hop, window).transform(natural(spectrum))
    assert close(FrameSynthesis(n_fft, hop, window)(spectrum), expected)
