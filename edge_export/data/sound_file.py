"""Reads sound files that are not trusted."""

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
"""The maximum of samples times channels: about an hour and a half of stereo at 44.1 kHz, 2 GB in float32."""
SUBTYPES = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
"""The subtypes of stem files. Stems have the subtype of the input, or 16 bit if it is none of these."""


UNKNOWN_SIZE = 0x7FFF0000
"""From this size on in bytes, a data chunk that is longer than its file was written to a pipe, where the size was not
known yet: 0x7FFFF000, 0x80000000 or 0xFFFFFFFF, rounded down to whole samples."""


@dataclass(frozen=True)
class Sound:
    """A sound.

    Attributes:
        audio: `(channels, samples)`, float32.
        sample_rate: The sample rate in Hz.
        subtype: The subtype for files of its stems, one of `SUBTYPES`.
    """

    audio: Array
    sample_rate: int
    subtype: str

    @property
    def seconds(self) -> float:
        return int(self.audio.shape[1]) / self.sample_rate


def read_sound(path: Path) -> Sound:
    """Reads a wav, flac, ogg, mp3 or other file that libsndfile supports.

    Raises:
        RequestError: The file is missing, not a sound, truncated, empty, not finite, too long, or has too many channels
            or an unusual sample rate.
    """
    import soundfile

    if not path.is_file():
        raise RequestError(f"{path} is not a file: give a sound file")
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
        raise RequestError(f"{path} holds samples that are NaN or infinite: give a file without them")
    return Sound(np.ascontiguousarray(audio), rate, subtype if subtype in SUBTYPES else "PCM_16")


def _check(path: Path, frames: int, channels: int, rate: int) -> None:
    if frames < 1:
        raise RequestError(f"{path} holds no samples: give a sound file with at least one")
    if not 1 <= channels <= MAX_CHANNELS:
        raise RequestError(f"{path} has {channels} channels: give a file with 1 to {MAX_CHANNELS} channels")
    if not RATES[0] <= rate <= RATES[1]:
        raise RequestError(f"{path} has a sample rate of {rate} Hz: give a file with {RATES[0]} to {RATES[1]} Hz")
    if frames * channels > MAX_VALUES:
        raise RequestError(f"{path} is too long ({frames / rate / 60:.0f} minutes): split it into parts")


def _truncated(path: Path) -> str | None:
    """Returns how much of a wav file is missing according to its data chunk; None if nothing is, and for other files.

    libsndfile reads a truncated file without an error. The size of the whole file in the header is often wrong where
    nothing is missing: it does not count.
    """
    real = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            return None
        at = len(head)
        while len(chunk := stream.read(8)) == 8:
            size = int.from_bytes(chunk[4:], "little")
            end = at + 8 + size
            if chunk[:4] == b"data":
                return f"{real} of {end} bytes are there" if real < end and size < UNKNOWN_SIZE else None
            at = end + size % 2
            stream.seek(at)
    return None


def resample(audio: Array, rate: int, to: int) -> Array:
    """Resamples `(…, samples)` from `rate` to `to`, both in Hz. The result is float32."""
    if rate == to:
        return np.ascontiguousarray(audio, np.float32)
    from scipy.signal import resample_poly

    common = math.gcd(rate, to)
    return np.ascontiguousarray(resample_poly(audio, to // common, rate // common, axis=-1), np.float32)
