"""The transforms equal those of the mother, but for their own order of bins."""

from __future__ import annotations

import pytest
import torch

from edge_export.baking.streaming.transform import FrameAnalysis, FrameSynthesis, bin_order, radix
from edge_export.mothers.band_split.dft import Analysis, Synthesis


def by_frequency(spectrum: torch.Tensor) -> torch.Tensor:
    """Reorders `(rows, re|im, bins)` to `(re|im, rows, bins)`, in the order of frequency."""
    order = torch.tensor(bin_order(2 * spectrum.shape[-1] - 2))
    return spectrum[..., order.argsort()].transpose(0, 1)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    ("n_fft", "hop", "window"), [(2048, 512, "hann"), (512, 256, "sqrt_hann"), (64, 16, "hann"), (12, 3, "hann")]
)
def test_transforms_agree_with_the_mother(n_fft, hop, window, rows, close):
    frames = torch.randn(rows, n_fft)
    spectrum = FrameAnalysis(n_fft, window, 1)(frames)
    assert close(by_frequency(spectrum), Analysis(n_fft, hop, window).transform(frames))
    assert not spectrum[:, 1, [0, -1]].any(), "the first and the last bin are real"
    spectrum = torch.randn(rows, 2, n_fft // 2 + 1)
    expected = Synthesis(n_fft, hop, window).transform(by_frequency(spectrum))
    assert close(FrameSynthesis(n_fft, hop, window)(spectrum), expected)


@pytest.mark.parametrize(("n_fft", "expected"), [(2048, 64), (512, 32), (64, 8), (12, 2), (4, 2)])
def test_columns_hold_neighboring_bins(n_fft, expected):
    r = radix(n_fft)
    assert r == expected
    order = bin_order(n_fft)
    assert order[-1] == n_fft // 2
    for column in range(n_fft // r // 2):
        assert sorted(order[r * column : r * (column + 1)]) == list(range(r * column, r * (column + 1)))


def test_few_products():
    analysis = FrameAnalysis(512, "hann", 1)
    assert analysis.groups.numel() + analysis.radix * 512 < 512 * 258 / 3
