"""Goldens that are sound: the mixture, the reference, and each member's stems, as FLAC and as spectrograms.

FLAC keeps every bit of the 16 bit samples, so that what differs between members is theirs and no codec's. It takes half
of a WAV file, and all browsers play it.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, replace

import numpy as np

from edge_export.data.sound_file import resample
from edge_export.files.arrays import Array
from edge_export.report.goldens import Goldens
from edge_export.spec.tensors import Stream

MAX_EXCERPTS = 3
MIN_RATE, MAX_RATE, MAX_CHANNELS = 3_000, 48_000, 2
"""The sample rates that browsers play, in Hz, and the channels that are kept."""
MAX_MEMBERS = 12
"""Of more members, so many are heard: the first, the last, and others evenly between."""
BUDGET = 3_200_000
"""The bytes that all sounds may take in the page. Excerpts are shortened until they fit."""
MIN_TRACK, MIN_SECONDS = 60_000, 0.5
"""With less than so many bytes a track, fewer excerpts are better than shorter ones; nothing shorter is of use."""
COLUMNS, BINS, RANGE_DB = 240, 96, 72.0
RAMP = ((6, 18, 28), (12, 51, 71), (21, 97, 109), (63, 154, 135), (167, 198, 134), (246, 236, 192))
"""Colors of a spectrogram, from quiet to loud: ever lighter, so that nobody needs to tell hues apart."""


@dataclass(frozen=True)
class Track:
    """One sound. `flac` and `picture`, its spectrogram as PNG, are in base64."""

    source: str
    stem: str
    flac: str
    picture: str


@dataclass(frozen=True)
class Excerpt:
    """What was cut out of one golden.

    Attributes:
        begins, seconds: Where it begins in the golden, and how long it is, in seconds.
        top_khz: The highest frequency of the spectrograms.
        mixture: The input.
        sources: For "reference" (if the golden is in the held-out set) and for each member, one track per stem.
    """

    begins: float
    seconds: float
    top_khz: float
    stems: tuple[str, ...]
    mixture: Track
    sources: tuple[tuple[str, tuple[Track, ...]], ...]


def excerpts_of(goldens: Goldens, stream: Stream) -> tuple[Excerpt, ...]:
    """Returns excerpts of the first goldens. Empty: the arrays are no sounds and stems."""
    mixtures = goldens.inputs[0]
    expected = (len(mixtures), len(stream.stems), *mixtures.shape[1:])
    if mixtures.ndim != 3 or any(array.shape != expected for _, array in goldens.outputs):
        return ()
    if stream.sample_rate < MIN_RATE:
        return ()
    members = len(goldens.outputs)
    heard = np.unique(np.linspace(0, members - 1, min(members, MAX_MEMBERS)).round().astype(int))
    goldens = replace(goldens, outputs=tuple(goldens.outputs[index] for index in heard))
    seconds = mixtures.shape[-1] / stream.sample_rate
    tracks = 1 + (len(heard) + 1) * len(stream.stems)
    shown = range(max(1, min(MAX_EXCERPTS, len(mixtures), BUDGET // (tracks * MIN_TRACK))))
    while True:
        found = tuple(_excerpt(goldens, stream, index, seconds) for index in shown)
        if (total := sum(map(flac_bytes, found))) <= BUDGET or seconds < MIN_SECONDS:
            return found
        seconds *= 0.95 * BUDGET / total


def flac_bytes(excerpt: Excerpt) -> int:
    """Returns the bytes that the sounds of an excerpt take in the page."""
    tracks = [excerpt.mixture, *(track for _, tracks in excerpt.sources for track in tracks)]
    return sum(len(track.flac) for track in tracks)


def _excerpt(goldens: Goldens, stream: Stream, index: int, seconds: float) -> Excerpt:
    mixture = goldens.inputs[0][index]
    named = [(name, outputs[index]) for name, outputs in goldens.outputs]
    targets = goldens.targets[index]
    if targets is not None and targets.shape == named[0][1].shape:
        named = [("reference", targets), *named]
    length = max(1, min(mixture.shape[-1], round(seconds * stream.sample_rate)))
    begin = _loudest(named[0][1][0], length)
    factor = -(-stream.sample_rate // MAX_RATE)
    rate = round(stream.sample_rate / factor)

    def cut(sound: Array) -> Array:
        part = np.nan_to_num(sound[:MAX_CHANNELS, begin : begin + length].astype(np.float32))
        return resample(part, factor, 1)

    whole = cut(mixture)
    parts = [(name, [cut(stem) for stem in stems]) for name, stems in named]
    peak = max(1.0, *(float(np.abs(sound).max()) for sound in (whole, *(stem for _, each in parts for stem in each))))
    loudest = float(_spectrum(whole).max())

    def track(source: str, stem: str, sound: Array) -> Track:
        return Track(source, stem, _flac(sound / peak, rate), _spectrogram(sound, loudest))

    sources = tuple(
        (name, tuple(track(name, stem, sound) for stem, sound in zip(stream.stems, sounds, strict=True)))
        for name, sounds in parts
    )
    return Excerpt(
        begin / stream.sample_rate,
        length / stream.sample_rate,
        rate / 2000,
        stream.stems,
        track("mixture", "", whole),
        sources,
    )


def _loudest(sound: Array, length: int) -> int:
    """Returns where the `length` samples with the most energy of `(channels, samples)` begin."""
    energy = np.square(np.nan_to_num(sound.astype(np.float64))).sum(0)
    sums = np.concatenate([[0.0], np.cumsum(energy)])
    return int(np.argmax(sums[length:] - sums[: len(sums) - length]))


def _flac(sound: Array, rate: int) -> str:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.clip(sound.T, -1.0, 1.0), rate, format="FLAC", subtype="PCM_16")
    return base64.b64encode(file.getvalue()).decode("ascii")


def _spectrum(sound: Array) -> Array:
    """Returns the magnitudes `(BINS, COLUMNS)` of a sound `(channels, samples)`, the lowest frequency first."""
    mono, size = sound.mean(0), 8 * BINS
    starts = np.linspace(0, max(0, len(mono) - size), COLUMNS).astype(int)
    padded = np.pad(mono, (0, max(0, size - len(mono))))
    frames = np.stack([padded[start : start + size] for start in starts]) * np.hanning(size)
    magnitudes = np.abs(np.fft.rfft(frames))[:, 1:]
    pooled: Array = magnitudes.reshape(COLUMNS, BINS, -1).max(-1).T
    return pooled


def _spectrogram(sound: Array, loudest: float) -> str:
    """Returns a PNG in base64: decibels below the loudest point of the mixture, as colors of `RAMP`."""
    from PIL import Image

    level = 20 * np.log10(np.maximum(_spectrum(sound), 1e-12) / max(loudest, 1e-12))
    shares = np.clip(1 + level / RANGE_DB, 0, 1)
    image = Image.fromarray(np.round(shares[::-1] * 63).astype(np.uint8), mode="L").convert("P")
    at = np.linspace(0, len(RAMP) - 1, 64)
    palette = np.stack([np.interp(at, range(len(RAMP)), channel) for channel in zip(*RAMP, strict=True)], axis=1)
    image.putpalette(palette.round().astype(np.uint8).tobytes())
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
