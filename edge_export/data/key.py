"""Estimates the key and the tuning of recorded music by its chroma."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""How well each semitone above the tonic fits a key (Krumhansl and Kessler 1982)."""
LOWEST, HIGHEST = 80.0, 2000.0
"""Hz of the partials that count."""
SECONDS = 0.37
"""Length of a frame: long enough to tell semitones apart from about 100 Hz."""


@dataclass(frozen=True)
class Key:
    """A key.

    Attributes:
        tonic: Semitones above C, 0..11.
        scale: Semitones of its degrees above the tonic.
        tuning: Semitones that the music is sharp of A4 = 440 Hz, -0.5..0.5.
    """

    tonic: int
    scale: tuple[int, ...] = MAJOR
    tuning: float = 0.0

    def pitch(self, degree: int, lowest: float) -> float:
        """MIDI pitch of a scale degree, counted from the first tonic at or above `lowest`; past the octave too."""
        octave, step = divmod(degree, len(self.scale))
        tonic = lowest + (self.tonic + self.tuning - lowest) % 12
        return tonic + 12 * octave + self.scale[step]


def estimate_key(audio: NDArray[np.float64], rate: int) -> tuple[Key, float]:
    """The key of mono `audio` `(samples,)`, and how well its chroma correlates with the key's profile, -1..1.

    The chroma is that of spectral peaks, each at its interpolated frequency. Silence is C major at 0.0.
    """
    pitches, weights = _peaks(audio, rate)
    if not len(pitches) or weights.sum() <= 0.0:
        return Key(0), 0.0
    tuning = float(np.angle((weights * np.exp(2j * np.pi * pitches)).sum()) / (2 * np.pi))
    classes = np.round(pitches - tuning).astype(int) % 12
    chroma = np.bincount(classes, weights, 12)
    best = (0.0, Key(0))
    for scale, profile in ((MAJOR, MAJOR_PROFILE), (MINOR, MINOR_PROFILE)):
        for tonic in range(12):
            score = float(np.corrcoef(np.roll(chroma, -tonic), profile)[0, 1])
            if score > best[0]:
                best = (score, Key(tonic, scale, tuning))
    return best[1], best[0]


def _peaks(audio: NDArray[np.float64], rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """MIDI pitches of spectral peaks and their weights; every frame counts alike, loud or soft."""
    size = 2 ** round(np.log2(SECONDS * rate))
    if len(audio) < size:
        return np.zeros(0), np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(audio, size)[:: size // 2]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(size)))
    spectrum = np.log(spectrum + 1e-6 * max(float(spectrum.max()), 1e-12))
    first, last = int(LOWEST * size / rate), min(int(HIGHEST * size / rate), spectrum.shape[1] - 2)
    here = spectrum[:, first:last]
    left, right = spectrum[:, first - 1 : last - 1], spectrum[:, first + 1 : last + 1]
    loudest = spectrum.max(axis=1, keepdims=True)
    rows, bins = np.nonzero((here > left) & (here >= right) & (here > loudest - 4.6))
    a, b, c = left[rows, bins], here[rows, bins], right[rows, bins]
    offset = 0.5 * (a - c) / (a - 2 * b + c - 1e-12)
    hertz = (bins + first + offset) * rate / size
    return 69.0 + 12.0 * np.log2(hertz / 440.0), np.exp((b - loudest[rows, 0]) / 2)
