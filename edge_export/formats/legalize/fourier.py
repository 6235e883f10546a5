"""Fourier transforms of real and complex tensors → products with constant matrices.

    y = x_re T(1) + x_im T(i)     T(1), T(i): PyTorch's own transform of the unit vectors, and of i times them
    STFT     a convolution with stride `hop_length`; its weights are the transform, times the window
    iSTFT    a transposed convolution, divided by the windows' squares where they overlap

The matrices are computed in float64 and rounded once. A transform of n points needs n² products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

Transform = Callable[[Tensor], Tensor]
"""Transforms the last axis."""


class Pair(NamedTuple):
    """The real and the imaginary part of a complex tensor, both of its shape."""

    real: Tensor
    imag: Tensor


def along(transform: Transform, x: Tensor | Pair, dim: int) -> Tensor | Pair:
    """Returns the transform of x along an axis: a pair if it is complex."""
    parts = x if isinstance(x, Pair) else (x,)
    rows = [part.movedim(dim, -1) for part in parts]
    results: list[Tensor | None] = [None, None]
    for row, unit in zip(rows, (1, 1j), strict=False):
        matrix = transform(torch.eye(row.shape[-1], dtype=torch.float64) * unit)
        for place, weights in enumerate((matrix.real, matrix.imag) if matrix.is_complex() else (matrix,)):
            product = F.linear(row, weights.t().to(row.dtype))
            before = results[place]
            results[place] = product if before is None else before + product
    real, imag = (None if each is None else each.movedim(-1, dim) for each in results)
    assert real is not None
    return real if imag is None else Pair(real, imag)


def one_axis(name: str) -> Any:
    """Returns the form of `torch.fft.<name>`, a transform along one axis."""

    def transformed(x: Tensor | Pair, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor | Pair:
        return along(lambda units: getattr(torch.fft, name)(units, n, -1, norm), x, dim)

    return transformed


def axes(first: str, last: str, backwards: bool = False, default: Sequence[int] | None = None) -> Any:
    """Returns the form of a transform along several axes: `last` along the last of them, `first` along the others.

    Args:
        first, last: Names in `torch.fft`.
        backwards: Whether the last axis comes last, as where the result is real.
        default: The axes unless the call names others; None: all.
    """

    def transformed(
        x: Tensor | Pair,
        s: Sequence[int] | None = None,
        dim: Sequence[int] | None = default,
        norm: str | None = None,
    ) -> Tensor | Pair:
        rank = (x.real if isinstance(x, Pair) else x).dim()
        if dim is None:
            dim = range(rank) if s is None else range(rank - len(s), rank)
        sizes = [None] * len(dim) if s is None else [None if size == -1 else size for size in s]
        steps = [(first, *each) for each in zip(sizes[:-1], dim[:-1], strict=True)]
        whole = (last, sizes[-1], dim[-1])
        for name, size, axis in [*steps, whole] if backwards else [whole, *steps]:
            x = one_axis(name)(x, size, axis, norm)
        return x

    return transformed


def _window(window: Tensor | None, n_fft: int, win_length: int | None) -> Tensor:
    size = n_fft if win_length is None else win_length
    values = torch.ones(size, dtype=torch.float64) if window is None else window.to(torch.float64)
    left = (n_fft - size) // 2
    return F.pad(values, (left, n_fft - size - left)) if size < n_fft else values


def stft(
    x: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor | Pair:
    """Returns the spectra `(batch, bins, frames)` of the real samples `(batch, samples)`."""
    norm = "ortho" if normalized else "backward"
    transform = torch.fft.fft if onesided is False else torch.fft.rfft
    matrix = transform(torch.eye(n_fft, dtype=torch.float64), norm=norm)
    weights = (matrix * _window(window, n_fft, win_length).unsqueeze(1)).t()
    samples = x.reshape(-1, 1, x.shape[-1])
    hop = n_fft // 4 if hop_length is None else hop_length
    parts = [F.conv1d(samples, part.unsqueeze(1).to(x.dtype), None, hop) for part in (weights.real, weights.imag)]
    real, imag = (part.reshape(*x.shape[:-1], *part.shape[1:]) for part in parts)
    return torch.stack([real, imag], -1) if return_complex is False else Pair(real, imag)


def stft_of_centers(
    x: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    *options: Any,
    **named: Any,
) -> Tensor | Pair:
    """Pads the samples first, as `torch.stft` does."""
    if center:
        rows = x.reshape(1, -1, x.shape[-1])
        x = F.pad(rows, (n_fft // 2, n_fft // 2), mode=pad_mode).reshape(*x.shape[:-1], -1)
    return stft(x, n_fft, hop_length, win_length, window, *options, **named)


def istft(
    x: Pair,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """Returns the real samples of the spectra `(batch, bins, frames)`."""
    bins, frames = n_fft // 2 + 1, x.real.shape[-1]
    hop = n_fft // 4 if hop_length is None else hop_length
    norm = "ortho" if normalized else "backward"
    shape = _window(window, n_fft, win_length)
    whole = None
    for part, unit in zip(x, (1, 1j), strict=True):
        matrix = torch.fft.irfft(torch.eye(bins, dtype=torch.float64) * unit, n_fft, norm=norm) * shape
        spectra = part.reshape(-1, *part.shape[-2:])
        if onesided is False:
            spectra = spectra[:, :bins]
        samples = F.conv_transpose1d(spectra, matrix.unsqueeze(1).to(part.dtype), None, hop)
        whole = samples if whole is None else whole + samples
    assert whole is not None
    squares = (shape * shape).reshape(1, 1, -1)
    overlap = F.conv_transpose1d(torch.ones(1, 1, frames, dtype=torch.float64), squares, None, hop)
    start = n_fft // 2 if center else 0
    end = whole.shape[-1] - start if length is None else min(start + length, whole.shape[-1])
    if (start, end) != (0, whole.shape[-1]):
        whole, overlap = whole[..., start:end], overlap[..., start:end]
    result = whole * (1.0 / overlap).to(whole.dtype)
    if length is not None and length > end - start:
        result = F.pad(result, (0, length - (end - start)))
    return result.reshape(*x.real.shape[:-2], result.shape[-1])
