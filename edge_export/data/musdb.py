"""Reads music in MUSDB18-HQ's layout: `train|test/<track>/{mixture,vocals,drums,bass,other}.wav`, any sample rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from edge_export.errors import RequestError, one_line

if TYPE_CHECKING:
    from torch import Tensor

SOURCES = ("vocals", "drums", "bass", "other")
ACCOMPANIMENT = "accompaniment"
"""The stem that is the sum of all sources that are not separate stems."""

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class Track:
    """The folder of a track, with the length in samples and the sample rate in Hz of its files."""

    path: Path
    samples: int
    sample_rate: int


@dataclass(frozen=True)
class ChunkPlan:
    """The settings of random training examples.

    Attributes:
        stems: The targets: names of sources or "accompaniment".
        sample_rate: The sample rate of the examples in Hz. Files at another rate are resampled.
        channels: The channels of the examples. Files with another number are averaged to mono, which is repeated.
        samples: The length of an example.
        batch: The examples in a batch.
        remix: The share of examples whose sources come from different tracks.
        silent: The share of examples without vocals. There a separator learns to let nothing through.
        gain_db: The gain of each source is drawn from plus or minus this, in dB.
        level_db: The gain of the whole example is drawn from plus or minus this, in dB.
    """

    stems: tuple[str, ...]
    sample_rate: int
    channels: int
    samples: int
    batch: int
    remix: float = 0.5
    silent: float = 0.1
    gain_db: float = 5.0
    level_db: float = 8.0


def find_tracks(folder: Path, part: str) -> list[Track]:
    """Returns the tracks of `folder/part`, sorted by name.

    Raises:
        RequestError: There are no tracks, a source is missing or not audio, or the files of a track differ in length or
            rate.
    """
    root = folder / part
    found, problems = [], []
    for path in sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")) if root.is_dir() else []:
        try:
            infos = [sf.info(path / f"{name}.wav") for name in ("mixture", *SOURCES)]
        except (sf.LibsndfileError, OSError) as error:
            problems.append(f"{path.name}: {one_line(error, 120)}")
            continue
        if len({(info.frames, info.samplerate) for info in infos}) != 1 or infos[0].frames == 0:
            problems.append(f"{path.name}: its files differ in length or rate, or are empty")
            continue
        found.append(Track(path, infos[0].frames, infos[0].samplerate))
    if problems:
        raise RequestError(f"bad tracks in {root}: {'; '.join(problems[:3])} ({len(problems)} in all)")
    if not found:
        raise RequestError(f"no tracks in {root}: expected folders with mixture.wav, {', '.join(SOURCES)} (.wav)")
    return found


def read_source(
    track: Track, name: str, sample_rate: int, channels: int, start: float = 0.0, samples: int = -1
) -> Audio:
    """Reads part of one file as `(channels, samples)` at `sample_rate`, with zeros past the end of the file.

    Args:
        track: The track of the file.
        name: "mixture" or a source.
        sample_rate: The sample rate of the result in Hz.
        channels: The channels of the result.
        start: The start in seconds.
        samples: The samples to read at `sample_rate`; -1: to the end.
    """
    common = math.gcd(track.sample_rate, sample_rate)
    up, down = sample_rate // common, track.sample_rate // common
    frames = -1 if samples < 0 else -(-samples * down // up)
    first = min(round(start * track.sample_rate), track.samples)
    audio, _ = sf.read(track.path / f"{name}.wav", frames, first, dtype="float32", always_2d=True)
    audio = with_channels(audio.T, channels)
    if up != down:
        from scipy.signal import resample_poly

        audio = resample_poly(audio, up, down, axis=1).astype(np.float32)
    if samples >= 0:
        audio = np.pad(audio, ((0, 0), (0, max(samples - audio.shape[1], 0))))[:, :samples]
    return np.ascontiguousarray(audio)


def with_channels(audio: Audio, channels: int) -> Audio:
    """Converts `(any channels, samples)` to `(channels, samples)`: averages to mono, then repeats."""
    if audio.shape[0] == channels:
        return audio
    mono = audio.mean(axis=0, keepdims=True)
    return np.asarray(np.repeat(mono, channels, axis=0))


def draw_batch(tracks: list[Track], plan: ChunkPlan, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draws random examples: mixtures `(batch, channels, samples)` and stems `(batch, stems, channels, samples)`."""
    import torch

    sources = torch.from_numpy(np.stack([_draw_sources(tracks, plan, rng) for _ in range(plan.batch)]))
    return sources.sum(dim=1), mix_stems(sources, plan.stems)


def mix_stems(sources: Tensor, stems: tuple[str, ...]) -> Tensor:
    """Mixes all sources `(batch, 4, channels, samples)`, in the order of `SOURCES`, to the requested stems.

    Raises:
        RequestError: A stem is neither a source nor "accompaniment".
    """
    import torch

    if unknown := [name for name in stems if name not in (*SOURCES, ACCOMPANIMENT)]:
        raise RequestError(f"no such stem: {', '.join(unknown)}; use {', '.join(SOURCES)} or {ACCOMPANIMENT}")
    groups = [[name] if name in SOURCES else [s for s in SOURCES if s not in stems] for name in stems]
    return torch.stack([sum_of(sources, [SOURCES.index(name) for name in group]) for group in groups], dim=1)


def sum_of(sources: Tensor, indices: list[int]) -> Tensor:
    """Returns the sum of the sources at `indices`, `(batch, channels, samples)`."""
    return sources[:, indices].sum(dim=1)


def _draw_sources(tracks: list[Track], plan: ChunkPlan, rng: np.random.Generator) -> Audio:
    remixed = rng.random() < plan.remix
    track, place = tracks[rng.integers(len(tracks))], rng.random()
    sources = []
    for name in SOURCES:
        if remixed:
            track, place = tracks[rng.integers(len(tracks))], rng.random()
        spare = max(track.samples / track.sample_rate - plan.samples / plan.sample_rate, 0.0)
        audio = read_source(track, name, plan.sample_rate, plan.channels, place * spare, plan.samples)
        sources.append(audio * 10.0 ** (rng.uniform(-plan.gain_db, plan.gain_db) / 20.0))
    if rng.random() < plan.silent:
        sources[SOURCES.index("vocals")] *= np.float32(0.0)
    level = 10.0 ** (rng.uniform(-plan.level_db, plan.level_db) / 20.0)
    return np.asarray(np.stack(sources) * level, dtype=np.float32)
