"""All songs of a training in the memory of its device, and random examples of them.

Files are too slow for a GPU that trains on a hundred examples in 20 ms. The examples are varied as those of
`data/musdb.py` are, and in two more ways: stems are replayed a little faster or slower, and their colour changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge_export.data.musdb import ACCOMPANIMENT, SOURCES, ChunkPlan, Track, mix_stems, read_source
from edge_export.errors import RequestError

FULL_SCALE = 32768.0
BANDS = 8
"""The points of an equalizer: 0 Hz, and octaves up to half of the sample rate."""


@dataclass(frozen=True)
class Variation:
    """How stems differ from their files, besides what a `ChunkPlan` says.

    Attributes:
        equalized: The share of stems that pass a random smooth equalizer.
        equalizer_db: The standard deviation of its gain at each of its points, in dB.
        replayed: The share of examples that are replayed at another speed. Stems of different songs have their own.
        speed: The natural logarithm of the speed is drawn from plus or minus this.
    """

    equalized: float = 0.5
    equalizer_db: float = 3.0
    replayed: float = 0.5
    speed: float = 0.11


@dataclass(frozen=True)
class Places:
    """Where the stems of a batch come from; each tensor is `(batch, parts)`.

    Attributes:
        track: The number of the track.
        place: The place in the track, 0..1.
        speed: 1.1 is a tenth faster, and higher.
    """

    track: Tensor
    place: Tensor
    speed: Tensor


class SongBank:
    """The stems of all songs as 16-bit samples on one device.

    Args:
        tracks: The songs. All are drawn equally often.
        plan: The examples. `silent` has an effect only if "vocals" is a stem.
        device: Where the samples lie and the examples are made.
        reserved: The bytes that training needs on the device besides the songs.
        variation: How examples are varied.

    Raises:
        RequestError: The songs and what is reserved do not fit into the device's free memory.
    """

    def __init__(
        self,
        tracks: Sequence[Track],
        plan: ChunkPlan,
        device: torch.device,
        reserved: int = 0,
        variation: Variation | None = None,
    ) -> None:
        self.plan, self.device, self.variation = plan, device, variation or Variation()
        # A mixture is the sum of all sources, so what is in no stem is kept as one more part.
        self.parts = plan.stems if ACCOMPANIMENT in plan.stems else (*plan.stems, ACCOMPANIMENT)
        lengths = [-(-track.samples * plan.sample_rate // track.sample_rate) for track in tracks]
        _check_memory(2 * len(self.parts) * plan.channels * sum(lengths), reserved, device)
        self.lengths = torch.tensor(lengths, device=device)
        self.starts = self.lengths.cumsum(0) - self.lengths
        self.samples = torch.zeros(len(self.parts), plan.channels, sum(lengths), dtype=torch.int16, device=device)
        with ThreadPoolExecutor() as pool:
            for start, length, samples in zip(self.starts.tolist(), lengths, pool.map(self._read, tracks), strict=True):
                self.samples[..., start : start + length] = samples.to(device)
        self.equalizers = equalizer_points(plan.samples, plan.sample_rate).to(device)

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draws random examples with a generator of the CPU, so that a seed gives the same ones on every device.

        Returns:
            Mixtures `(batch, channels, samples)` and stems `(batch, stems, channels, samples)`.
        """
        shape = (self.plan.batch, len(self.parts))

        def uniform(limit: float, *shape: int) -> Tensor:
            return (torch.rand(shape, generator=generator) * 2 - 1) * limit

        places = self._draw_places(generator)
        gain_db = uniform(self.plan.gain_db, *shape) + uniform(self.plan.level_db, shape[0], 1)
        gain = 10.0 ** (gain_db / 20.0)
        silent = torch.rand(shape[0], generator=generator) < self.plan.silent
        if "vocals" in self.parts:
            gain[silent, self.parts.index("vocals")] = 0.0
        equalized = torch.rand(*shape, 1, generator=generator) < self.variation.equalized
        points_db = torch.randn(*shape, BANDS, generator=generator) * self.variation.equalizer_db * equalized
        parts = equalize(self.replay(places), points_db.to(self.device) @ self.equalizers)
        parts = parts * gain.to(self.device)[..., None, None]
        return parts.sum(dim=1), parts[:, : len(self.plan.stems)]

    def replay(self, places: Places) -> Tensor:
        """Reads `(batch, parts, channels, samples)` in -1..1, with zeros past the end of a track.

        Samples between two of a file are interpolated with a cubic (Catmull-Rom) spline.
        """
        places = Places(places.track.to(self.device), places.place.to(self.device), places.speed.to(self.device))
        length, start = self.lengths[places.track], self.starts[places.track]
        spare = (length - self.plan.samples * places.speed).clamp_min(0)
        first = (places.place * spare).floor().long()
        moved = torch.arange(self.plan.samples, device=self.device) * places.speed.double()[..., None]
        position = first[..., None] + moved.floor().long()
        between = (moved - moved.floor()).float()
        last = (length - 1)[..., None]

        def tap(offset: int) -> Tensor:
            """Returns the samples at an offset from all positions, `(parts, channels, batch, samples)`."""
            index = start[..., None] + (position + offset).clamp_min(0).minimum(last)
            pieces = [self.samples[part][:, index[:, part]] for part in range(len(self.parts))]
            return torch.stack(pieces).float()

        a, b, c, d = (tap(offset) for offset in (-1, 0, 1, 2))
        f = between.transpose(0, 1)[:, None]
        spline = b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))
        audible = (position <= last).transpose(0, 1)[:, None]
        return (spline * audible / FULL_SCALE).permute(2, 0, 1, 3)

    def _draw_places(self, generator: torch.Generator) -> Places:
        shape = (self.plan.batch, len(self.parts))
        track = torch.randint(len(self.lengths), shape, generator=generator)
        place = torch.rand(shape, generator=generator)
        speed = ((torch.rand(shape, generator=generator) * 2 - 1) * self.variation.speed).exp()
        speed = torch.where(torch.rand(shape, generator=generator) < self.variation.replayed, speed, 1.0)
        remixed = torch.rand(shape[0], 1, generator=generator) < self.plan.remix
        mixed = (torch.where(remixed, each, each[:, :1]) for each in (track, place, speed))
        return Places(*mixed)

    def _read(self, track: Track) -> Tensor:
        """Reads the parts of a track as `(parts, channels, samples)`; what is louder than full scale is clipped."""
        plan = self.plan
        sources = np.stack([read_source(track, name, plan.sample_rate, plan.channels) for name in SOURCES])
        parts = mix_stems(torch.from_numpy(sources)[None], self.parts)[0]
        return (parts * FULL_SCALE).round().clamp(-FULL_SCALE, FULL_SCALE - 1).to(torch.int16)


def _check_memory(songs: int, reserved: int, device: torch.device) -> None:
    """Raises `RequestError` if `songs` and `reserved` bytes together are more than the device has free."""
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        import psutil

        free = psutil.virtual_memory().available
    if songs + reserved > free:
        raise RequestError(
            f"the training songs take {songs / 1e9:.1f} GB, training {reserved / 1e9:.1f} GB, and {device} has "
            f"{free / 1e9:.1f} GB free; train on fewer songs, or without the GPU (CUDA_VISIBLE_DEVICES='')"
        )


def equalizer_points(samples: int, sample_rate: int) -> Tensor:
    """Returns the share of each point in the gain (in dB) of each frequency of an FFT, `(BANDS, samples // 2 + 1)`.

    Gains are linear between points on an axis that is linear below about 60 Hz and logarithmic above.
    """

    def axis(frequencies: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.asarray(np.log2(frequencies + 60.0))

    frequencies = np.fft.rfftfreq(samples, 1.0 / sample_rate)
    points = np.array([0.0, *(sample_rate / 2.0 ** np.arange(BANDS - 1, 0, -1))])
    shares = [np.interp(axis(frequencies), axis(points), one) for one in np.eye(BANDS)]
    return torch.from_numpy(np.stack(shares).astype(np.float32))


def equalize(audio: Tensor, gain_db: Tensor) -> Tensor:
    """Filters `(…, channels, samples)` with gains in dB `(…, samples // 2 + 1)`, without a change of phase."""
    gain = 10.0 ** (gain_db / 20.0)
    filtered: Tensor = torch.fft.irfft(torch.fft.rfft(audio) * gain[..., None, :], n=audio.shape[-1])
    return filtered
