"""The transform as constant matrices equals the FFT, has an exact inverse and the stated delay."""

import pytest
import torch

from edge_export.errors import RequestError
from edge_export.mothers.band_split.dft import Analysis, Synthesis

SHAPES = [(512, 256, "sqrt_hann"), (512, 128, "hann"), (2048, 512, "hann"), (64, 16, "sqrt_hann")]


@pytest.mark.parametrize(("n_fft", "hop", "window"), SHAPES)
def test_transform_equals_fft(n_fft: int, hop: int, window: str) -> None:
    torch.manual_seed(0)
    frames = torch.randn(2, 3, n_fft)
    analysis = Analysis(n_fft, hop, window)
    expected = torch.fft.rfft((frames * analysis.window).double()) / n_fft**0.5
    spectrum = analysis.transform(frames)
    assert spectrum.shape == (2, 2, 3, n_fft // 2 + 1)
    assert torch.allclose(spectrum[:, 0].double(), expected.real, atol=2e-5)
    assert torch.allclose(spectrum[:, 1].double(), expected.imag, atol=2e-5)


@pytest.mark.parametrize(("n_fft", "hop", "window"), SHAPES)
@pytest.mark.parametrize("samples", [1, 255, 256, 257, 10_007])
def test_inverse_reconstructs_better_than_100_db(n_fft: int, hop: int, window: str, samples: int) -> None:
    torch.manual_seed(0)
    audio = torch.randn(1, 2, samples)
    again = Synthesis(n_fft, hop, window)(Analysis(n_fft, hop, window)(audio), samples)
    assert again.shape == audio.shape
    error = (audio - again).double().square().sum()
    assert 10 * torch.log10(audio.double().square().sum() / error) > 100


def test_hop_by_hop_comes_back_with_the_delay() -> None:
    torch.manual_seed(0)
    n_fft, hop = 512, 128
    analysis, synthesis = Analysis(n_fft, hop, "hann"), Synthesis(n_fft, hop, "hann")
    audio = torch.randn(40 * hop)
    past, overlap, out = torch.zeros(n_fft - hop), torch.zeros(n_fft), []
    for block in audio.split(hop):
        frame = torch.cat([past, block])
        past = frame[hop:]
        overlap = torch.cat([overlap[hop:], torch.zeros(hop)]) + synthesis.transform(analysis.transform(frame[None]))[0]
        out.append(overlap[:hop])
    delay = n_fft - hop
    assert torch.allclose(torch.cat(out)[delay:], audio[:-delay], atol=1e-5)


@pytest.mark.parametrize(("n_fft", "hop", "window"), [(500, 300, "hann"), (510, 255, "hann"), (512, 512, "hann")])
def test_unusable_shapes_are_refused(n_fft: int, hop: int, window: str) -> None:
    with pytest.raises(RequestError, match="n_fft"):
        Analysis(n_fft, hop, window)


def test_unknown_window_is_refused() -> None:
    with pytest.raises(RequestError, match="sqrt_hann"):
        Analysis(512, 256, "kaiser")
