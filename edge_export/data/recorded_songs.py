"""Songs of recorded sound: people who speak are made to sing over recorded music, mixed as records are.

Tracks lie in MUSDB18-HQ's layout, `train|validation|test/<track>/{mixture,vocals,drums,bass,other}.wav` (16 bit), and
the mixture is the exact sum of the four. The accompaniment is "other"; drums and bass are silent files, since the
recordings hold them mixed. Each split has its own speakers, its own packages of music and, in the test split, effects
that training has not heard.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from edge_export.data.accompaniment import draw_accompaniment
from edge_export.data.corpus import Corpus, open_corpus
from edge_export.data.effects import bus_gain, fade, limiter_gain
from edge_export.data.key import estimate_key
from edge_export.data.sound_chains import CHAINS
from edge_export.data.sources import MIN_SECONDS, PACKAGES, sources_of
from edge_export.data.vocals import draw_vocals
from edge_export.errors import RequestError

STEMS = ("vocals", "drums", "bass", "other")
SPLIT_SEEDS = {"train": 0, "validation": 1, "test": 2}

Audio = NDArray[np.float32]


@dataclass(frozen=True)
class RecordedBook:
    """Which tracks to render.

    Attributes:
        train, validation, test: Number of tracks of each split.
        seed: One seed, one set of tracks.
        seconds: Shortest and longest track.
        sample_rate: Hz of the files.
        channels: 1 or 2.
        sung: Whether most voices sing; otherwise all speak, as they were recorded.
        effects: Whether voices, music and their sum are treated as on records.
    """

    train: int = 1600
    validation: int = 40
    test: int = 48
    seed: int = 0
    seconds: tuple[float, float] = (18.0, 26.0)
    sample_rate: int = 16000
    channels: int = 1
    sung: bool = True
    effects: bool = True

    def __post_init__(self) -> None:
        if min(self.train, self.validation, self.test) < 0 or self.train + self.validation + self.test == 0:
            raise RequestError(
                f"no tracks to render: {self.train} train, {self.validation} validation, {self.test} test"
            )
        if not 4.0 <= self.seconds[0] <= self.seconds[1] <= 28.0:
            raise RequestError(f"tracks of {self.seconds} seconds: need 4 <= shortest <= longest <= 28")
        if self.channels not in (1, 2) or self.sample_rate < 16000:
            raise RequestError(f"tracks with {self.channels} channels at {self.sample_rate} Hz: 1 or 2, from 16000 Hz")

    @property
    def counts(self) -> dict[str, int]:
        """Number of tracks of each split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def split_name(book: RecordedBook, split: str) -> str:
    """A folder name for the tracks of one split, which changes with its sources, their packages and its effects."""
    sources = sources_of(split)
    parts = (
        [(source.name, source.kind, source.files, source.without, source.together) for source in sources],
        [(PACKAGES[source.package].sha256, PACKAGES[source.package].archives) for source in sources],
        (MIN_SECONDS, CHAINS[split], book.seconds, book.sung, book.effects),
    )
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:8]
    return f"{split}-{book.seed}-{book.counts[split]}-{book.sample_rate}-{book.channels}-{digest}"


def track_name(split: str, index: int) -> str:
    """The folder name of track `index` of a split."""
    return f"recorded_{split}_{index:04d}"


def render_recorded_songs(
    folder: Path,
    packages: Path,
    book: RecordedBook,
    processes: int = 2,
    on_progress: Callable[[int, int], None] = lambda done, of: None,
) -> None:
    """Render every track of `book` under `folder`; tracks that are there already are kept.

    Args:
        folder: Where the splits' folders go.
        packages: Where packages are fetched to and unpacked.
        book: What to render.
        processes: Tracks rendered at the same time.
        on_progress: Called with (tracks done, tracks in all).

    Raises:
        RequestError: As `open_corpus`.
    """
    total, done = sum(book.counts.values()), 0
    for split, count in book.counts.items():
        todo = [i for i in range(count) if not (folder / split / track_name(split, i)).is_dir()]
        done += count - len(todo)
        on_progress(done, total)
        if not todo:
            continue
        corpus = open_corpus(split, packages)
        context = get_context("spawn")  # a fork of a process with threads may hang
        with ProcessPoolExecutor(processes, context, _set_corpus, (corpus,)) as pool:
            futures = [pool.submit(_render, folder, book, split, index) for index in todo]
            for future in as_completed(futures):
                future.result()
                done += 1
                on_progress(done, total)


_corpus: Corpus | None = None
"""Of this process: listing the recordings once for each process, not for each track."""


def _set_corpus(corpus: Corpus) -> None:
    from threadpoolctl import threadpool_limits

    global _corpus
    _corpus = corpus
    threadpool_limits(1)  # The processes share the cores already.


def _render(folder: Path, book: RecordedBook, split: str, index: int) -> None:
    assert _corpus is not None
    render_track(folder, _corpus, book, split, index)


def render_track(folder: Path, corpus: Corpus, book: RecordedBook, split: str, index: int) -> Path:
    """Render one track; its folder appears whole or not at all."""
    rng = np.random.default_rng([book.seed, SPLIT_SEEDS[split], index])
    stems = track_audio(rng, corpus, book, split)
    final = folder / split / track_name(split, index)
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".render-", ignore_cleanup_errors=True) as tmp:
        whole = {name: np.round(audio * 32767.0).astype(np.int32) for name, audio in stems.items()}
        whole["mixture"] = np.sum(list(whole.values()), axis=0)
        scratch = Path(tmp) / "track"
        scratch.mkdir()
        for name, samples in whole.items():
            sf.write(scratch / f"{name}.wav", samples.T.astype(np.int16), book.sample_rate, subtype="PCM_16")
        scratch.rename(final)
    return final


def track_audio(rng: np.random.Generator, corpus: Corpus, book: RecordedBook, split: str) -> dict[str, Audio]:
    """A new track's four stems, each `(channels, samples)`, whose sum and each of which stay below 1."""
    seconds, rate = float(rng.uniform(*book.seconds)), book.sample_rate
    chain = CHAINS[split] if book.effects else None
    music = draw_accompaniment(rng, corpus, chain, seconds, rate, book.channels)
    key, _ = estimate_key(music.mean(axis=0, dtype=np.float64), rate)
    voice = draw_vocals(rng, corpus, chain, key, seconds, rate, book.channels, book.sung)
    voice *= np.float32(active_level(music) / active_level(voice) * 10 ** (np.clip(rng.normal(0.0, 3.5), -9, 8) / 20))
    if rng.random() < 0.1:
        music = _with_pause(rng, music, rate)
    if book.effects:
        voice, music = _mastered(rng, voice, music, rate)
    silence = np.zeros_like(music)
    stems = {"vocals": voice, "drums": silence, "bass": silence, "other": music}
    peak = max(float(np.abs(audio).max()) for audio in (voice + music, voice, music))
    gain = np.float32(rng.uniform(0.4, 0.95) / max(peak, 1e-6))
    return {name: audio * gain for name, audio in stems.items()}


def active_level(audio: Audio) -> float:
    """Root mean square over the 50 ms blocks within 40 dB of the loudest; never 0."""
    mono = audio.mean(axis=0)
    blocks = len(mono) // 800
    powers = (mono[: blocks * 800] ** 2).reshape(blocks, -1).mean(axis=1) if blocks else np.zeros(1)
    active = powers[powers > 1e-4 * powers.max()]
    return max(float(np.sqrt(active.mean())) if active.size else 0.0, 1e-6)


def _with_pause(rng: np.random.Generator, music: Audio, rate: int) -> Audio:
    """The accompaniment with a passage in which only the voice is heard."""
    length = round(float(rng.uniform(0.08, 0.25)) * music.shape[1])
    start = int(rng.integers(0, max(music.shape[1] - length, 1)))
    out = music.copy()
    ramp = min(round(0.05 * rate), start)
    out[:, start - ramp : start] *= np.linspace(1.0, 0.0, ramp, dtype=np.float32)
    out[:, start : start + length] = 0.0
    return out


def _mastered(rng: np.random.Generator, voice: Audio, music: Audio, rate: int) -> tuple[Audio, Audio]:
    """Compress and limit the sum by gains that both stems share; fade both."""
    if rng.random() < 0.6:
        gain = bus_gain(voice + music, rate, float(rng.uniform(-6, 3)), float(rng.uniform(1.5, 4.0)))
        voice, music = voice * gain, music * gain
    if rng.random() < 0.6:
        mix = voice + music
        ceiling = float(np.abs(mix).max()) * 10 ** (-float(rng.uniform(1, 9)) / 20)
        gain = limiter_gain(mix, rate, max(ceiling, 1e-6))
        voice, music = voice * gain, music * gain
    if rng.random() < 0.1:
        into, out = float(rng.uniform(0.0, 4.0)), float(rng.uniform(0.0, 6.0))
        voice, music = fade(voice, rate, into, out), fade(music, rate, into, out)
    return voice, music
