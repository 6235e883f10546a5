"""Complex numbers and Fourier transforms as pairs of real tensors: the same mathematics in float64, and right files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from legalized import Function, file_snr, math_error, seeded

from edge_export.baking.export import export_program
from edge_export.formats.legalize.program import legalized, notes

ROWS, PICTURE, SOUND = (1, 3, 16), (1, 2, 6, 8), (1, 64)
as_real = torch.view_as_real


def spectrum(x: torch.Tensor, **options: Any) -> torch.Tensor:
    return torch.stft(x, 16, window=torch.hann_window(16, dtype=x.dtype), return_complex=True, **options)


def sound(z: torch.Tensor, **options: Any) -> torch.Tensor:
    window = torch.hann_window(16, dtype=z.real.dtype)
    return torch.istft(z, 16, hop_length=4, window=window, **options)


def masked(x: torch.Tensor) -> torch.Tensor:
    z = spectrum(x, hop_length=4)
    return sound(z * torch.sigmoid(z.abs()), length=64)


def turned(x: torch.Tensor) -> torch.Tensor:
    pairs = torch.view_as_complex(x.reshape(1, 3, 8, 2))
    turn = torch.polar(torch.ones(3, 8, dtype=x.dtype), torch.arange(24.0, dtype=x.dtype).reshape(3, 8))
    return as_real(pairs * turn).flatten(2)


def many(x: torch.Tensor) -> torch.Tensor:
    a, b = torch.complex(x, x.flip(2)), torch.complex(x + 3, x * 0.5)
    parts = [a / b, torch.exp(a) - b, a.conj() * 2j, torch.sqrt(b), b**2, torch.log(b), 1 - a, a + x, torch.sgn(b)]
    return as_real(torch.stack(parts).sum(0) + torch.cat([a[:, :1], b[:, 1:]], 1).reciprocal())


def written(x: torch.Tensor) -> torch.Tensor:
    """As Fourier neural operators keep some frequencies, of which one is real."""
    z = torch.fft.rfft(x)
    y = torch.zeros_like(z)
    mix = torch.polar(torch.ones(3, 3, dtype=x.dtype), torch.arange(9.0, dtype=x.dtype).reshape(3, 3))
    y[..., :4] = torch.einsum("bcf,cd->bdf", z[..., :4], mix)
    y[..., 5] = x[..., 0]
    y = y.masked_fill(torch.arange(y.shape[-1]) == 2, 1 - 2j)
    return torch.fft.irfft(torch.nn.functional.linear(y.mT, mix, mix[0]).mT, n=x.shape[-1])


CASES: dict[str, tuple[tuple[int, ...], Callable[[torch.Tensor], torch.Tensor]]] = {
    "rfft": (ROWS, lambda x: as_real(torch.fft.rfft(x, n=5, dim=1, norm="ortho"))),
    "irfft": (ROWS, lambda x: torch.fft.irfft(torch.fft.rfft(x, n=20) * 2, n=15)),
    "ifft": (ROWS, lambda x: torch.fft.ifft(torch.fft.fft(x) * 1j).imag),
    "hfft": (ROWS, lambda x: torch.fft.hfft(torch.fft.ihfft(x))),
    "rfft2": (PICTURE, lambda x: torch.fft.irfft2(torch.fft.rfft2(x, norm="forward") * 2, s=(6, 7))),
    "fftn": (PICTURE, lambda x: torch.fft.ifftn(torch.fft.fftn(x, dim=(1, 2, 3)) ** 2, dim=(1, 2)).real),
    "magnitude": (ROWS, lambda x: torch.fft.fftshift(torch.fft.fft(x), dim=-1).abs()),
    "products": (PICTURE, lambda x: (torch.complex(x, x * 2) @ torch.complex(x, x + 1).mT).angle()),
    "rotary": (ROWS, turned),
    "arithmetic": (ROWS, many),
    "stft": (SOUND, lambda x: as_real(spectrum(x, hop_length=5, center=False, onesided=False))),
    "stft normalized": (SOUND, lambda x: as_real(spectrum(x, normalized=True, pad_mode="constant"))),
    "short window": (
        SOUND,
        lambda x: torch.stft(x, 16, 8, 12, torch.hann_window(12, dtype=x.dtype), return_complex=True).abs(),
    ),
    "istft": (SOUND, lambda x: sound(spectrum(x, hop_length=4, normalized=True), normalized=True)),
    "istft cut": (SOUND, lambda x: sound(spectrum(x, hop_length=4, onesided=False), onesided=False, length=50)),
    "istft masked": (SOUND, masked),
    "written": (ROWS, written),
}


def network(case: str) -> Function:
    return Function(lambda s, x: CASES[case][1](x))


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_same_mathematics(case: str) -> None:
    assert math_error(network(case), seeded(*CASES[case][0]), "coreml") < 1e-12


@pytest.mark.parametrize("format_name", ["executorch", "coreml", "tflite"])
@pytest.mark.parametrize("case", ["istft masked", "written"])
def test_a_changed_spectrum_has_a_right_file(case: str, format_name: str, tmp_path: Path) -> None:
    assert file_snr(network(case), seeded(*CASES[case][0]), format_name, tmp_path)[0] > 120


def test_a_complex_weight_is_two_real_ones() -> None:
    class Filter(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.polar(torch.rand(9), torch.rand(9)))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.fft.irfft(torch.fft.rfft(x) * self.weight)

    layer, x = Filter(), seeded(*ROWS)
    program, _ = legalized(export_program(layer, (x,)), "tflite")
    assert not any(value.is_complex() for value in program.state_dict.values())
    assert torch.allclose(program.module()(x), layer(x), atol=1e-6)


def test_a_computed_complex_constant_leaves_no_complex_one() -> None:
    def turned(s: Any, x: torch.Tensor) -> torch.Tensor:
        pairs = torch.view_as_complex(x.reshape(3, 8, 2))
        return torch.view_as_real(pairs * torch.polar(torch.ones(8), torch.arange(8.0)))

    program, _ = legalized(export_program(Function(turned), (seeded(*ROWS),)), "executorch")
    assert not any(value.is_complex() for value in (*program.state_dict.values(), *program.constants.values()))


@pytest.mark.parametrize(
    ("function", "shape", "reason"),
    [
        (lambda x: torch.fft.rfft(x).abs(), (1, 5000), "a Fourier transform of 5000 points is longer than 2048"),
        (lambda x: torch.fft.rfft(x).tanh().abs(), ROWS, "it has no form with pairs of real tensors"),
    ],
)
def test_what_has_no_form_is_refused_and_told(function: Any, shape: tuple[int, ...], reason: str) -> None:
    program = export_program(Function(lambda s, x: function(x)), (seeded(*shape),))
    same, outcomes = legalized(program, "tflite")
    assert same is program
    assert reason in notes(outcomes)[0]
