"""The band-split separator at one depth and width: a member, or the mother's network at the largest configuration.

waveform -> STFT -> band split -> residual layers -> mask estimation -> inverse STFT -> waveform
(band-split RNN, arXiv 2209.15174, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice, pairwise

import torch
from torch import Tensor, nn

from edge_export.errors import RequestError
from edge_export.mothers.band_split.bands import BandTable, band_edges
from edge_export.mothers.band_split.dft import Analysis, Synthesis
from edge_export.mothers.band_split.recurrence import Norm, ResidualLayer, normalize

COMPRESSION_FLOOR = 1e-5
"""Added to the power of a bin before the square roots: about -70 dB of full scale."""


@dataclass(frozen=True)
class BandSplitSettings:
    """The properties that all members of one separator share.

    Attributes:
        sample_rate: Hz.
        channels: Audio channels.
        stems: Names of the outputs, in order.
        remainder: Whether the last stem is the mixture minus the other stems. It then needs no mask.
        n_fft, hop: Frame and hop in samples.
        window: Analysis window, "hann" or "sqrt_hann".
        bands: The band table.
        compressed: Whether the network's input is each bin's real part, imaginary part and magnitude, all divided by
            the root of the magnitude. Otherwise it is the plain real and imaginary part.
        features, hidden: N features of a band, H of each LSTM.
        gate_hidden: Hidden features of the TAC gates; None: no gates.
        mask_hidden: Hidden features of each band's mask estimation.
        norm: "batch" or "group".
        causal: Whether the recurrence over time runs forwards only.
    """

    sample_rate: int
    channels: int
    stems: tuple[str, ...]
    remainder: bool
    n_fft: int
    hop: int
    window: str
    bands: BandTable
    compressed: bool
    features: int
    hidden: int
    gate_hidden: int | None
    mask_hidden: int
    norm: Norm
    causal: bool

    def __post_init__(self) -> None:
        if self.channels < 1 or not self.stems or len(set(self.stems)) != len(self.stems):
            raise RequestError(
                f"a separator needs a channel and stems with different names, not {self.channels} channels and stems "
                f"{self.stems}"
            )
        if self.remainder and len(self.stems) < 2:
            raise RequestError(f"a remainder needs at least two stems, not {self.stems}")

    @property
    def edges(self) -> tuple[int, ...]:
        """The first bin of each band, followed by the number of bins."""
        return band_edges(self.bands, self.sample_rate, self.n_fft)

    @property
    def masks(self) -> int:
        """Number of stems that have a mask of their own."""
        return len(self.stems) - (1 if self.remainder else 0)

    @property
    def delay(self) -> int:
        """The samples by which a streamed output lags behind its input, not counting the hop that is filled first."""
        return self.n_fft - self.hop

    @property
    def latency_ms(self) -> float:
        """The algorithmic latency in ms: a sample of a stem depends on the mixture up to this much later."""
        return 1000.0 * self.n_fft / self.sample_rate

    @property
    def streams(self) -> bool:
        """Whether the separator can stream: the recurrence is causal, and no statistics cover the whole file."""
        return self.causal and self.norm == "batch"


class BandSplit(nn.Module):
    """Maps each band's bins to N features, with a norm and a linear layer for each band."""

    def __init__(self, settings: BandSplitSettings) -> None:
        super().__init__()
        self.edges, self.compressed = settings.edges, settings.compressed
        parts = settings.channels * (3 if settings.compressed else 2)
        self.sizes = [parts * (high - low) for low, high in pairwise(self.edges)]
        self.norm = nn.BatchNorm1d(sum(self.sizes)) if settings.norm == "batch" else None
        self.norms = None if self.norm else nn.ModuleList(nn.GroupNorm(1, size) for size in self.sizes)
        self.linears = nn.ModuleList(nn.Linear(size, settings.features) for size in self.sizes)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Maps `(batch, channels, 2, frames, bins)` to `(batch, frames, bands, features)`."""
        bands = self.bands(compress(spectrum) if self.compressed else spectrum)
        if self.norm is not None:
            bands = list(normalize(self.norm, torch.cat(bands, dim=-1)).split(self.sizes, dim=-1))
        if self.norms is not None:
            bands = [normalize(norm, band) for norm, band in zip(self.norms, bands, strict=True)]
        return torch.stack([linear(band) for linear, band in zip(self.linears, bands, strict=True)], dim=2)

    def bands(self, values: Tensor) -> list[Tensor]:
        """Maps `(batch, channels, parts, frames, bins)` to the values of each band, `(batch, frames, size)`."""
        values = values.permute(0, 3, 1, 2, 4)
        return [values[..., low:high].flatten(2) for low, high in pairwise(self.edges)]

    def silent(self) -> Tensor:
        """Returns which values tell nothing of music, `(values,)`: the bin of 0 Hz, where a recording has its offset,
        and the imaginary part of the last bin, which is always 0. A BatchNorm would amplify what hardly varies.
        """
        parts = 3 if self.compressed else 2
        marks = torch.zeros(1, self.sizes[0] // self.edges[1] // parts, parts, 1, self.edges[-1], dtype=torch.bool)
        marks[..., 0] = True
        marks[:, :, 1, :, -1] = True
        return torch.cat(self.bands(marks), dim=-1).flatten()


class MaskEstimation(nn.Module):
    """Maps each band's features to its complex masks, with a norm and a small gated network for each band."""

    def __init__(self, settings: BandSplitSettings) -> None:
        super().__init__()
        bands = len(settings.edges) - 1
        self.masks, self.channels = settings.masks, settings.channels
        batch = settings.norm == "batch"
        self.norm = nn.BatchNorm1d(bands * settings.features) if batch else None
        self.norms = None if batch else nn.ModuleList(nn.GroupNorm(1, settings.features) for _ in range(bands))
        self.networks = nn.ModuleList(
            nn.Sequential(
                nn.Linear(settings.features, settings.mask_hidden),
                nn.Tanh(),
                nn.Linear(settings.mask_hidden, 4 * settings.masks * settings.channels * (high - low)),
                nn.GLU(),
            )
            for low, high in pairwise(settings.edges)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(batch, frames, bands, features)` to `(batch, masks, channels, 2, frames, bins)`."""
        if self.norm is not None:
            x = normalize(self.norm, x.flatten(2)).view_as(x)
        bands = list(x.unbind(2))
        if self.norms is not None:
            bands = [normalize(norm, band) for norm, band in zip(self.norms, bands, strict=True)]
        shape = (self.masks, self.channels, 2, -1)
        masks = [network(band).unflatten(-1, shape) for network, band in zip(self.networks, bands, strict=True)]
        return torch.cat(masks, dim=-1).permute(0, 2, 3, 4, 1, 5)

    def silent(self) -> Tensor:
        """Returns which outputs of the first band's last layer are the masks of 0 Hz, `(outputs,)`."""
        size = self.networks[0][-2].out_features  # type: ignore[index,union-attr]
        marks = torch.zeros(2, self.masks, self.channels, 2, size // (4 * self.masks * self.channels), dtype=torch.bool)
        marks[0, ..., 0] = True  # the gates may be what they are
        return marks.flatten()


class BandSplitNetwork(nn.Module):
    """The separator.

    Args:
        settings: All properties but depth and width.
        depth: The number of residual layers.
        width: The number of parallel sub-modules in each layer.
    """

    def __init__(self, settings: BandSplitSettings, depth: int, width: int) -> None:
        super().__init__()
        s = self.settings = settings
        self.analysis = Analysis(s.n_fft, s.hop, s.window)
        self.split = BandSplit(s)
        self.layers = nn.ModuleList(
            ResidualLayer(s.features, s.hidden, width, s.causal, s.norm, s.gate_hidden) for _ in range(depth)
        )
        self.mask = MaskEstimation(s)
        self.synthesis = Synthesis(s.n_fft, s.hop, s.window)

    def masks(self, spectrum: Tensor, depth: int | None = None, width: int | None = None) -> Tensor:
        """Maps `(batch, channels, 2, frames, bins)` to complex masks `(batch, masks, channels, 2, frames, bins)`."""
        x = self.split(spectrum)
        for layer in islice(self.layers, depth):
            x = layer(x, width)
        return self.mask(x)  # type: ignore[no-any-return]

    def silent_weights(self) -> list[tuple[nn.Parameter, Tensor]]:
        """Returns the weights that read or write 0 Hz, each with a mask of what is 0 in training.

        Then the offset of a recording changes nothing, and stays in the remainder. Without batch norms there are none.
        """
        if self.split.norm is None:
            return []
        last = self.mask.networks[0][-2]  # type: ignore[index]
        masks = self.mask.silent()
        return [(self.split.norm.weight, self.split.silent()), (last.weight, masks), (last.bias, masks)]

    def stems(self, spectra: Tensor, audio: Tensor) -> Tensor:
        """Maps masked spectra `(batch, masks, channels, 2, frames, bins)` to `(batch, stems, channels, samples)`."""
        stems: Tensor = self.synthesis(spectra, audio.shape[-1])
        if self.settings.remainder:
            stems = torch.cat([stems, audio[:, None] - stems.sum(dim=1, keepdim=True)], dim=1)
        return stems

    def forward(self, audio: Tensor, depth: int | None = None, width: int | None = None) -> Tensor:
        """Maps `(batch, channels, samples)` in -1..1 to `(batch, stems, channels, samples)`, aligned with the audio."""
        spectrum = self.analysis(audio)
        return self.stems(apply_masks(self.masks(spectrum, depth, width), spectrum), audio)


def compress(spectrum: Tensor) -> Tensor:
    """Maps `(batch, channels, 2, frames, bins)` to `(batch, channels, 3, frames, bins)`.

    The three values are the real part, the imaginary part and the magnitude, each divided by the root of the magnitude.
    """
    real, imaginary = spectrum[:, :, 0], spectrum[:, :, 1]
    root = torch.sqrt(torch.sqrt(real * real + imaginary * imaginary + COMPRESSION_FLOOR))
    return torch.stack([real / root, imaginary / root, root], dim=2)


def apply_masks(masks: Tensor, spectrum: Tensor) -> Tensor:
    """Returns the complex products `(batch, masks, channels, 2, frames, bins)` of the masks and the spectrum.

    The spectrum has no masks axis.
    """
    real, imaginary = spectrum[:, None, :, 0], spectrum[:, None, :, 1]
    mask_real, mask_imaginary = masks[:, :, :, 0], masks[:, :, :, 1]
    return torch.stack(
        [mask_real * real - mask_imaginary * imaginary, mask_real * imaginary + mask_imaginary * real], dim=3
    )
