"""Read a sound file that may be anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import Array

RATES = (1000, 768_000)
MAX_CHANNELS = 32
MAX_VALUES = 500_000_000
"""Samples times channels: about an hour and a half of stereo at 44.1 kHz, 2 GB in float32."""
SUBTYPES = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
"""What the stems may be written as; they follow the input, and are 16 bit where it is something else."""


@dataclass(frozen=True)
class Sound:
    """A sound.

    Attributes:
        audio: `(channels, samples)`, float32.
        sample_rate: Hz.
        subtype: What its file holds, one of `SUBTYPES`.
    """

    audio: Array
    sample_rate: int
    subtype: str

    @property
    def seconds(self) -> float:
        return int(self.audio.shape[1]) / self.sample_rate


def read_sound(path: Path) -> Sound:
    """The sound in a wav, flac, ogg, mp3 or other file that libsndfile reads.

    Raises:
        RequestError: It is missing, no sound, truncated, empty, not finite, too long, or has too many channels.
    """
    import soundfile

    if not path.is_file():
        raise RequestError(f"{path} is no file: give a sound file")
    if why := _truncated(path):
        raise RequestError(f"{path} is truncated ({why}): give the whole file")
    try:
        with soundfile.SoundFile(path) as file:
            _check(path, file.frames, file.channels, file.samplerate)
            frames, rate, subtype = file.frames, file.samplerate, file.subtype
            audio = file.read(dtype="float32", always_2d=True).T
    except (soundfile.LibsndfileError, OSError, RuntimeError, MemoryError, ValueError) as error:
        raise RequestError(
            f"{path} can't be read as sound ({one_line(error, 120)}): give a wav, flac, ogg or mp3 file"
        ) from error
    if audio.shape[1] < frames:
        raise RequestError(f"{path} is truncated ({audio.shape[1]} of {frames} samples are there): give the whole file")
    if not np.isfinite(audio).all():
        raise RequestError(f"{path} holds samples that are NaN or infinite: mend it first")
    return Sound(np.ascontiguousarray(audio), rate, subtype if subtype in SUBTYPES else "PCM_16")


def _check(path: Path, frames: int, channels: int, rate: int) -> None:
    if frames < 1:
        raise RequestError(f"{path} holds no samples: give a sound file with at least one")
    if not 1 <= channels <= MAX_CHANNELS:
        raise RequestError(f"{path} has {channels} channels: give one with 1 to {MAX_CHANNELS}")
    if not RATES[0] <= rate <= RATES[1]:
        raise RequestError(f"{path} has a rate of {rate} Hz: give one with {RATES[0]} to {RATES[1]} Hz")
    if frames * channels > MAX_VALUES:
        raise RequestError(f"{path} is too long ({frames / rate / 60:.0f} minutes): cut it into parts")


def _truncated(path: Path) -> str | None:
    """What a wav file lacks, by its own account; None for other files. libsndfile takes what is there in silence."""
    with path.open("rb") as stream:
        head = stream.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    stated, real = int.from_bytes(head[4:8], "little") + 8, path.stat().st_size
    # Written to a pipe, a file states the largest size, or none.
    return f"{real} of {stated} bytes are there" if real < stated < 0xFFFFFF00 else None


def resample(audio: Array, rate: int, to: int) -> Array:
    """`(…, samples)` at another rate, float32."""
    if rate == to:
        return np.ascontiguousarray(audio, np.float32)
    from scipy.signal import resample_poly

    common = math.gcd(rate, to)
    return np.ascontiguousarray(resample_poly(audio, to // common, rate // common, axis=-1), np.float32)
