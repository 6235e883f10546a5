"""The built-in songs: composed from a seed, rendered by fluidsynth and espeak-ng into MUSDB18-HQ's layout.

Each track is a folder `train|test/<track>/` with `mixture.wav`, `vocals.wav`, `drums.wav`, `bass.wav` and `other.wav`
(16 bit). The mixture is the exact sum of the four. The two programs are Debian packages; only training needs them.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from edge_export.data.composition import Song, compose
from edge_export.data.midi import Note, midi_file
from edge_export.data.singing import ESPEAK_RATE, espeak_program, sing_melody, speak
from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import whole_folder

FLUIDSYNTH_RATE = 44100
SOUNDFONT_FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/soundfonts", "/usr/local/share/soundfonts")
SOUNDFONTS = ("FluidR3_GM.sf2", "default-GM.sf2", "default.sf2", "TimGM6mb.sf2")
STEMS = ("vocals", "drums", "bass", "other")

Audio = NDArray[np.float64]


@dataclass(frozen=True)
class SongBook:
    """The songs to render.

    Attributes:
        train: The number of training songs.
        test: The number of held-out songs. They have other seeds, and so other melodies.
        seed: The seed of the set. The same seed gives the same songs.
        seconds: The shortest and the longest length of a song.
        sample_rate: The sample rate of the files in Hz.
        channels: 1 or 2.
    """

    train: int = 300
    test: int = 24
    seed: int = 0
    seconds: tuple[float, float] = (20.0, 28.0)
    sample_rate: int = 16000
    channels: int = 1

    def __post_init__(self) -> None:
        if self.train < 0 or self.test < 0 or self.train + self.test == 0:
            raise RequestError(f"no songs to render: train={self.train}, test={self.test}")
        if not 4.0 <= self.seconds[0] <= self.seconds[1]:
            raise RequestError(f"songs of {self.seconds} seconds: need 4 <= shortest <= longest")
        if self.channels not in (1, 2) or self.sample_rate < 8000:
            raise RequestError(f"songs with {self.channels} channels at {self.sample_rate} Hz: 1 or 2, from 8000 Hz")


def synthesizer() -> tuple[str, str]:
    """Returns the paths of fluidsynth and of a General MIDI soundfont.

    Raises `RequestError` that names the missing Debian packages.
    """
    program = shutil.which("fluidsynth")
    found = [f"{folder}/{name}" for name in SOUNDFONTS for folder in SOUNDFONT_FOLDERS if Path(folder, name).exists()]
    missing = [] if program else ["fluidsynth"]
    missing += [] if found else ["fluid-soundfont-gm"]
    if not program or missing:
        raise RequestError(
            f"the built-in songs need Debian packages that are missing: apt-get install {' '.join(missing)}"
        )
    return program, found[0]


def render_songs(
    folder: Path, book: SongBook, processes: int = 2, on_progress: Callable[[int, int], None] = lambda done, of: None
) -> None:
    """Renders every song of `book` into `folder`. Existing tracks are kept.

    Args:
        folder: The parent of `train/` and `test/`.
        book: The songs to render.
        processes: The number of songs rendered at the same time.
        on_progress: Called with (finished songs, songs in total).

    Raises:
        RequestError: A program or a soundfont is missing.
    """
    jobs = [("train", i) for i in range(book.train)] + [("test", i) for i in range(book.test)]
    todo = [(part, i) for part, i in jobs if not (folder / part / track_name(part, i)).is_dir()]
    on_progress(len(jobs) - len(todo), len(jobs))
    if todo:
        synthesizer()
        espeak_program()
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:  # a fork of a process with threads may hang
        futures = [pool.submit(render_song, folder, book, part, index) for part, index in todo]
        for count, future in enumerate(as_completed(futures), 1):
            future.result()
            on_progress(len(jobs) - len(todo) + count, len(jobs))


def track_name(part: str, index: int) -> str:
    """Returns the folder name of song `index` of "train" or "test"."""
    return f"song_{part}_{index:04d}"


def render_song(folder: Path, book: SongBook, part: str, index: int) -> Path:
    """Renders one song. Its folder is created atomically."""
    rng = np.random.default_rng([book.seed, {"train": 0, "test": 1}[part], index])
    stems = song_audio(rng, book)
    final = folder / part / track_name(part, index)
    final.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(final) as staged:
        mixture = np.zeros_like(next(iter(stems.values())), dtype=np.int32)
        for name, audio in stems.items():
            whole = np.round(audio * 32767.0).astype(np.int32)
            mixture += whole
            sf.write(staged / f"{name}.wav", whole.astype(np.int16), book.sample_rate, subtype="PCM_16")
        sf.write(staged / "mixture.wav", mixture.astype(np.int16), book.sample_rate, subtype="PCM_16")
    return final


def song_audio(rng: np.random.Generator, book: SongBook) -> dict[str, Audio]:
    """Returns the four stems of a new song, each `(samples, channels)`. Their sum peaks at 0.9 at most."""
    song = compose(rng, float(rng.uniform(*book.seconds)))
    length = int(song.seconds * book.sample_rate)
    rest = {
        name: _levelled(_play(notes, song, book, length), level)
        for name, notes, level in zip(STEMS[1:], (song.drums, song.bass, song.other), song.levels, strict=True)
    }
    vocals = _vocals(rng, song, book, length)
    accompaniment = np.sum(list(rest.values()), axis=0)
    vocals = vocals * (_active_level(accompaniment) / _active_level(vocals) * 10 ** (song.vocals_db / 20))
    stems = {"vocals": vocals, **rest}
    peak = np.abs(np.sum(list(stems.values()), axis=0)).max()
    loudest = max(np.abs(audio).max() for audio in stems.values())
    gain = min(rng.uniform(0.4, 0.9) / peak, 0.95 / loudest)
    return {name: audio * gain for name, audio in stems.items()}


def _play(notes: tuple[Note, ...], song: Song, book: SongBook, length: int) -> Audio:
    program, soundfont = synthesizer()
    with tempfile.TemporaryDirectory() as scratch:
        midi, wav = Path(scratch) / "song.mid", Path(scratch) / "song.wav"
        used = {note.channel for note in notes}
        midi.write_bytes(
            midi_file(
                list(notes),
                {channel: number for channel, number in song.programs.items() if channel in used},
                {channel: values for channel, values in song.controls.items() if channel in used},
            )
        )
        options = ["-o", "synth.dynamic-sample-loading=1", "-O", "float", "-T", "wav", "-g", "0.3"]
        command = [
            program,
            "-n",
            "-i",
            "-q",
            "-r",
            str(FLUIDSYNTH_RATE),
            *options,
            "-F",
            str(wav),
            soundfont,
            str(midi),
        ]
        done = subprocess.run(command, capture_output=True, check=False)
        if not wav.is_file():
            raise RequestError(f"fluidsynth failed: {one_line(done.stderr.decode(errors='replace'))}")
        audio, rate = sf.read(wav, dtype="float64", always_2d=True)
    audio = audio if book.channels == 2 else audio.mean(axis=1, keepdims=True)
    return _fitted(_resampled(audio, rate, book.sample_rate), length)


def _vocals(rng: np.random.Generator, song: Song, book: SongBook, length: int) -> Audio:
    from scipy.signal import fftconvolve

    track = sing_melody(list(song.sung), song.voice, song.vibrato, song.seconds)
    for start, text in song.spoken:
        line = speak(text, song.voice, monotone=False)
        first = int(start * ESPEAK_RATE)
        line = line[: max(len(track) - first, 0)]
        track[first : first + len(line)] += line
    seconds, level = song.echo
    tail = rng.standard_normal((int(seconds * ESPEAK_RATE), book.channels))
    tail *= np.exp(-6.9 * np.arange(len(tail)) / len(tail))[:, None]
    tail /= np.sqrt((tail**2).sum(axis=0))
    echo = np.stack([fftconvolve(track, tail[:, c])[: len(track)] for c in range(book.channels)], axis=1)
    return _fitted(_resampled(track[:, None] + level * echo, ESPEAK_RATE, book.sample_rate), length)


def _resampled(audio: Audio, rate: int, to: int) -> Audio:
    from scipy.signal import resample_poly

    common = math.gcd(rate, to)
    return np.asarray(resample_poly(audio, to // common, rate // common, axis=0))


def _fitted(audio: Audio, length: int) -> Audio:
    return np.pad(audio, ((0, max(length - len(audio), 0)), (0, 0)))[:length]


def _levelled(audio: Audio, decibels: float) -> Audio:
    return audio * (0.1 / _active_level(audio) * 10 ** (decibels / 20))


def _active_level(audio: Audio) -> float:
    """Returns the root mean square over the blocks of 800 samples within 40 dB of the loudest; never 0."""
    blocks = len(audio) // 800
    powers = (audio[: blocks * 800] ** 2).reshape(blocks, -1).mean(axis=1) if blocks else np.zeros(1)
    active = powers[powers > 1e-4 * powers.max()]
    return max(float(np.sqrt(active.mean())) if active.size else 0.0, 1e-6)
