"""Recordings of one split, found in unpacked packages and read in pieces."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from edge_export.data.debian import unpack_package
from edge_export.data.sources import MIN_SECONDS, PACKAGES, Source, sources_of
from edge_export.errors import RequestError, one_line

Audio = NDArray[np.float64]


@dataclass(frozen=True)
class Clip:
    """One recording: its files (more than one sound together), their rate in Hz, and the length in seconds."""

    paths: tuple[Path, ...]
    sample_rate: int
    seconds: float


@dataclass(frozen=True)
class Corpus:
    """The recordings of one split, by source: people who speak, and music without voices."""

    speech: dict[str, tuple[Clip, ...]]
    music: dict[str, tuple[Clip, ...]]

    def minutes(self, kind: str) -> float:
        """Minutes of "speech" or "music"."""
        groups = self.speech if kind == "speech" else self.music
        return sum(clip.seconds for clips in groups.values() for clip in clips) / 60.0


def open_corpus(split: str, folder: Path, sources: tuple[Source, ...] | None = None) -> Corpus:
    """The recordings of "train", "validation" or "test"; packages are fetched into `folder` unless they are there.

    Raises:
        RequestError: As `unpack_package`, and when a package lacks its recordings or holds one that can't be read.
    """
    groups: dict[str, dict[str, tuple[Clip, ...]]] = {"speech": {}, "music": {}}
    for source in sources_of(split) if sources is None else sources:
        root = unpack_package(PACKAGES[source.package], folder)
        groups[source.kind][source.name] = find_clips(source, root)
    return Corpus(**groups)


def find_clips(source: Source, root: Path) -> tuple[Clip, ...]:
    """The recordings of `source` in the unpacked package `root`, sorted by path.

    Raises:
        RequestError: There are none, or one can't be read.
    """
    paths = sorted({path for pattern in source.files for path in root.glob(pattern) if path.is_file()})
    paths = [path for path in paths if path.stem not in source.without]
    shortest = MIN_SECONDS[source.kind]
    with ThreadPoolExecutor(4) as pool:
        clips = [clip for clip in pool.map(lambda path: _clip(path, source), paths) if clip.seconds >= shortest]
    if not clips:
        raise RequestError(
            f"{root} holds no recording of {source.name} ({', '.join(source.files)}): remove this folder and try again"
        )
    return tuple(clips)


def _clip(path: Path, source: Source) -> Clip:
    try:
        info = sf.info(path)
    except sf.LibsndfileError as error:
        raise RequestError(
            f"{path} can't be read ({one_line(error.error_string, 120)}): it needs libsndfile 1.1 or newer "
            "(apt-get install libsndfile1), or remove its package's folder and try again"
        ) from error
    beside = [path.with_name(name) for name in source.together]
    return Clip((path, *(p for p in beside if p.is_file())), info.samplerate, info.duration)


def read_clip(clip: Clip, rate: int, channels: int, start: float = 0.0, seconds: float | None = None) -> Audio:
    """Part of a recording, `(channels, samples)` at `rate`; shorter where the recording ends."""
    from scipy.signal import resample_poly

    total: Audio = np.zeros((channels, 0))
    for path in clip.paths:
        with sf.SoundFile(path) as file:
            file.seek(min(round(start * file.samplerate), file.frames))
            count = -1 if seconds is None else round(seconds * file.samplerate)
            audio = file.read(count, dtype="float64", always_2d=True).T
            common = math.gcd(file.samplerate, rate)
            up, down = rate // common, file.samplerate // common
        audio = _with_channels(audio, channels)
        audio = resample_poly(audio, up, down, axis=1) if up != down else audio
        length = max(total.shape[1], audio.shape[1])
        total = _padded(total, length) + _padded(audio, length)
    return total


def trimmed(audio: Audio, rate: int, keep: float = 0.05) -> Audio:
    """Mono speech `(samples,)` without the silence before and after it, but for `keep` seconds."""
    if not len(audio):
        return audio
    loud = np.flatnonzero(np.abs(audio) > 0.03 * np.abs(audio).max())
    margin = round(keep * rate)
    return audio[max(loud[0] - margin, 0) : loud[-1] + margin] if len(loud) else audio[:0]


def _with_channels(audio: Audio, channels: int) -> Audio:
    if audio.shape[0] == channels:
        return audio
    return np.repeat(audio.mean(axis=0, keepdims=True), channels, axis=0)


def _padded(audio: Audio, length: int) -> Audio:
    return np.pad(audio, ((0, 0), (0, length - audio.shape[1])))
