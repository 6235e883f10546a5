"""Sung and spoken vocals: espeak-ng speaks each word on one pitch, and pitch-synchronous overlap-add sings it.

TD-PSOLA (Moulines and Charpentier 1990): grains of two periods are taken from the word and added again at the periods
of the target pitch curve. The formants of the vowel stay, while pitch, vibrato and length can change.
"""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import dataclass
from xml.sax.saxutils import escape

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from edge_export.errors import RequestError, one_line

ESPEAK_RATE = 22050
"""The sample rate in Hz of all audio in this file."""

Audio = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """One singer.

    Attributes:
        name: The voice and variant of espeak-ng, such as "en-us+f2".
        pitch: The pitch of espeak-ng, 0..99.
        speed: The speed in words per minute.
    """

    name: str
    pitch: int
    speed: int


@dataclass(frozen=True)
class SungNote:
    """One sung note: onset and duration in seconds, pitch in Hz, and the word."""

    start: float
    seconds: float
    hertz: float
    word: str


@dataclass(frozen=True)
class Vibrato:
    """Vibrato: rate in Hz, depth in cents, and delay after a note's onset in seconds."""

    rate: float
    cents: float
    delay: float


def espeak_program() -> str:
    """Returns the path of espeak-ng. Raises `RequestError` that names the Debian package if it is missing."""
    found = shutil.which("espeak-ng")
    if found is None:
        raise RequestError("espeak-ng is not installed, but the built-in songs need it: apt-get install espeak-ng")
    return found


def speak(text: str, voice: Voice, monotone: bool) -> Audio:
    """Returns spoken `text`, `(samples,)` at `ESPEAK_RATE`, with silence trimmed; on one pitch if `monotone`."""
    markup = escape(text)
    if monotone:
        markup = f'<prosody range="0%">{markup}</prosody>'
    command = [espeak_program(), "-z", "-m", "-v", voice.name, "-s", str(voice.speed), "-p", str(voice.pitch)]
    done = subprocess.run([*command, "--stdout", f"<speak>{markup}</speak>"], capture_output=True, check=False)
    if done.returncode != 0 or not done.stdout:
        raise RequestError(
            f"espeak-ng failed for voice {voice.name!r}: {one_line(done.stderr.decode(errors='replace'))}"
        )
    audio, rate = sf.read(io.BytesIO(done.stdout), dtype="float64")
    if rate != ESPEAK_RATE:
        raise RequestError(f"espeak-ng returned audio at {rate} Hz, not {ESPEAK_RATE} Hz: use its formant voices")
    loud = np.flatnonzero(np.abs(audio) > 0.01)
    return np.asarray(audio[loud[0] : loud[-1] + 1]) if loud.size else np.zeros(0)


def fundamental(audio: Audio, lowest: float = 65.0, highest: float = 400.0) -> float:
    """Returns the pitch of a monotone word in Hz: the median of its frames' autocorrelation peaks; 0.0 if unvoiced."""
    size, found = 1024, []
    first, last = int(ESPEAK_RATE / highest), int(ESPEAK_RATE / lowest)
    for start in range(0, len(audio) - size, size // 2):
        frame = audio[start : start + size] * np.hanning(size)
        correlation = np.fft.irfft(np.abs(np.fft.rfft(frame, 2 * size)) ** 2)
        lag = first + int(np.argmax(correlation[first:last]))
        if frame.std() > 0.02 and correlation[lag] > 0.35 * correlation[0]:
            found.append(ESPEAK_RATE / lag)
    return float(np.median(found)) if found else 0.0


def sing(word: Audio, hertz: Audio) -> Audio:
    """Sings a monotone word on a pitch curve.

    Args:
        word: Audio `(samples,)`.
        hertz: The target pitch at each output sample, `(length,)`. Its length is that of the note.

    Returns:
        Audio `(length,)`. The first and the last part of the word, its consonants, keep their speed. The middle is
        stretched.
    """
    length = len(hertz)
    base = fundamental(word)
    if base == 0.0 or length == 0 or len(word) < 512:
        return np.pad(word, (0, max(length - len(word), 0)))[:length]
    period = round(ESPEAK_RATE / base)
    phase = np.cumsum(hertz) / ESPEAK_RATE
    marks = np.flatnonzero(np.diff(np.floor(phase), prepend=0.0) > 0)
    head, tail = min(int(0.3 * len(word)), length // 3), min(int(0.2 * len(word)), length // 4)
    source = np.interp(marks, [0, head, length - tail, length], [0, head, len(word) - tail, len(word)])
    source = np.round(source / period).astype(int) * period
    window = np.hanning(2 * period + 1)
    offsets = np.arange(-period, period + 1)
    padded = np.pad(word, (period, 3 * period))
    grains = padded[np.minimum(source[:, None] + offsets + period, len(padded) - 1)] * window
    out = np.zeros(length + 2 * period + 1)
    np.add.at(out, marks[:, None] + offsets + period, grains)
    fade = min(256, length // 4)
    sung = out[period : period + length]
    sung[:fade] *= np.linspace(0.0, 1.0, fade)
    sung[length - fade :] *= np.linspace(1.0, 0.0, fade)
    return sung


def pitch_curve(note: SungNote, before: float, vibrato: Vibrato) -> Audio:
    """Returns the note's pitch at each sample in Hz: a short glide from the pitch `before`, then vibrato."""
    time = np.arange(int(note.seconds * ESPEAK_RATE)) / ESPEAK_RATE
    glide = 12.0 * np.log2(before / note.hertz) * np.exp(-time / 0.03)
    depth = vibrato.cents / 100.0 * np.clip((time - vibrato.delay) / 0.2, 0.0, 1.0)
    semitones = glide + depth * np.sin(2.0 * np.pi * vibrato.rate * time)
    return np.asarray(note.hertz * 2.0 ** (semitones / 12.0))


def sing_melody(notes: list[SungNote], voice: Voice, vibrato: Vibrato, seconds: float) -> Audio:
    """Sings `notes` into one track of `seconds`, `(samples,)` at `ESPEAK_RATE`, each word at the same loudness."""
    track = np.zeros(int(seconds * ESPEAK_RATE))
    words: dict[str, Audio] = {}
    before = notes[0].hertz if notes else 0.0
    for note in notes:
        if note.word not in words:
            words[note.word] = speak(note.word, voice, monotone=True)
        sung = sing(words[note.word], pitch_curve(note, before, vibrato))
        before = note.hertz
        start = int(note.start * ESPEAK_RATE)
        sung = sung[: max(len(track) - start, 0)]
        level = float(np.sqrt(np.mean(sung**2))) if len(sung) else 0.0
        if level > 1e-4:
            track[start : start + len(sung)] += sung * (0.1 / level)
    return track
