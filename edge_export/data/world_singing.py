"""Makes recorded speech sing, by the WORLD vocoder (Morise, Yokomori and Ozawa 2016; the package pyworld).

Speech is taken apart into pitch, spectral envelope and aperiodicity. Its syllables are laid on the notes of a melody:
consonants keep their length, vowels are held until the note ends, and the pitch is the melody's. The envelope, which
makes the vowels and the speaker, stays that of the recording unless the formants are shifted.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_export.data.melody import Expression, MelodyNote, pitch_of_notes, wandering
from edge_export.errors import RequestError

PERIOD = 0.005
"""Seconds between two frames."""
MIN_VOWEL, MAX_VOWEL = 0.05, 0.30
"""Seconds: a shorter voiced run joins its consonants; a longer one is split where it is softest."""
MAX_CONSONANT = 0.16
"""Seconds of consonants before a vowel that are kept."""
MIN_PITCH, MAX_PITCH = 60.0, 1200.0
"""Hz."""
FLOOR = 1e-16
"""The least power of an envelope."""

Audio = NDArray[np.float64]


@dataclass(frozen=True)
class Voice:
    """Speech taken apart.

    Attributes:
        rate: Hz of the audio.
        hertz: Pitch of each frame, `(frames,)`, 0.0 where it is unvoiced.
        envelope: Power spectra, `(frames, bins)`.
        aperiodicity: Share of noise, `(frames, bins)`, 0..1.
    """

    rate: int
    hertz: Audio
    envelope: Audio
    aperiodicity: Audio

    @property
    def median_hertz(self) -> float:
        """The speaker's middle pitch; 0.0 when nothing is voiced."""
        voiced = self.hertz[self.hertz > 0.0]
        return float(np.median(voiced)) if len(voiced) else 0.0


@dataclass(frozen=True)
class Syllable:
    """Frames of a syllable: consonants from `start`, its vowel from `vowel` to `end`."""

    start: int
    vowel: int
    end: int


@dataclass(frozen=True)
class Timbre:
    """What changes in the envelope.

    Attributes:
        formants: Factor on the frequency of the formants: 1.15 is a shorter vocal tract.
        breathiness: Factor on the aperiodicity; above 1.0 is more breath.
        tilt_db: Change per octave above 500 Hz: loud singing has more of the high bands.
    """

    formants: float = 1.0
    breathiness: float = 1.0
    tilt_db: float = 0.0


def draw_timbre(rng: np.random.Generator) -> Timbre:
    """Another singer out of the same speaker."""
    return Timbre(
        formants=float(rng.uniform(0.86, 1.18)),
        breathiness=float(rng.uniform(0.7, 1.4)),
        tilt_db=float(rng.uniform(-1.0, 3.0)),
    )


def analyze(audio: Audio, rate: int) -> Voice:
    """Take mono speech `(samples,)` apart."""
    world = _world()
    audio = np.ascontiguousarray(audio, np.float64)
    rough, times = world.dio(audio, rate, frame_period=PERIOD * 1000)
    hertz = world.stonemask(audio, rough, times, rate)
    envelope = world.cheaptrick(audio, hertz, times, rate)
    return Voice(rate, hertz, envelope, world.d4c(audio, hertz, times, rate))


def find_syllables(voice: Voice) -> list[Syllable]:
    """The syllables, each with the consonants before its vowel."""
    shortest, longest = round(MIN_VOWEL / PERIOD), round(MAX_VOWEL / PERIOD)
    level = 10.0 * np.log10(voice.envelope.sum(axis=1) + FLOOR)
    voiced = (voice.hertz > 0.0) & (level > np.max(level, initial=-np.inf) - 45.0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], voiced.astype(int), [0]])))
    vowels: list[tuple[int, int]] = []
    for first, last in edges.reshape(-1, 2):
        if last - first >= shortest:
            vowels.extend(_split(level, int(first), int(last), longest))
    syllables, before = [], 0
    for first, last in vowels:
        start = max(before, first - round(MAX_CONSONANT / PERIOD))
        syllables.append(Syllable(start, first, last))
        before = last
    return syllables


def _split(level: Audio, first: int, last: int, longest: int) -> list[tuple[int, int]]:
    """Parts of a voiced run, cut where it is softest, none longer than `longest` frames."""
    if last - first <= longest:
        return [(first, last)]
    margin = max(longest // 3, 2)
    middle = first + margin + int(np.argmin(level[first + margin : last - margin]))
    return _split(level, first, middle, longest) + _split(level, middle, last, longest)


def sing(
    voice: Voice,
    notes: list[MelodyNote],
    expression: Expression,
    timbre: Timbre,
    seconds: float,
    seed: int = 0,
    first_syllable: int = 0,
) -> Audio:
    """Sing `notes` with the syllables of `voice`, one a note, in a circle.

    Args:
        voice: Whose words.
        notes: In the order of their onsets.
        expression: Vibrato, portamento and the like.
        timbre: What changes in the singer.
        seconds: Length of what is returned.
        seed: Of the drift and the detuning.
        first_syllable: The syllable of the first note.

    Returns:
        `(round(seconds * rate),)`, silent where no note sounds. The pitch of a frame is that of the melody at that
        time. All silence when the speech has no syllable.
    """
    length = round(seconds * voice.rate)
    syllables = find_syllables(voice)
    if not syllables or not notes:
        return np.zeros(length)
    frames = int(np.ceil(seconds / PERIOD)) + 1
    source, voiced = np.full(frames, -1), np.zeros(frames, bool)
    for number, note in enumerate(notes):
        syllable = syllables[(number + first_syllable) % len(syllables)]
        _lay(source, voiced, note, syllable)
    times = np.arange(frames, dtype=np.float64) * PERIOD
    rng = np.random.default_rng(seed)
    pitch = pitch_of_notes(notes, expression, times, rng)
    loudness = 10.0 ** (wandering(times, expression.swell_db, rng) / 10.0)
    hertz = np.where(voiced, np.clip(440.0 * 2.0 ** ((pitch - 69.0) / 12.0), MIN_PITCH, MAX_PITCH), 0.0)
    sounding = source >= 0
    envelope = np.where(sounding[:, None], voice.envelope[np.maximum(source, 0)] * loudness[:, None], FLOOR)
    aperiodicity = np.where(sounding[:, None], voice.aperiodicity[np.maximum(source, 0)], 1.0)
    envelope = _with_timbre(envelope, timbre, voice.rate)
    aperiodicity = np.clip(aperiodicity * timbre.breathiness, 1e-3, 1.0 - 1e-12)
    return _synthesized(hertz, envelope, aperiodicity, voice.rate, length)


def resynthesize(voice: Voice, timbre: Timbre, transpose: float = 0.0) -> Audio:
    """The speech as it was said, with another timbre and `transpose` semitones higher."""
    hertz = voice.hertz * 2.0 ** (transpose / 12.0)
    envelope = _with_timbre(voice.envelope, timbre, voice.rate)
    aperiodicity = np.clip(voice.aperiodicity * timbre.breathiness, 1e-3, 1.0 - 1e-12)
    return _synthesized(hertz, envelope, aperiodicity, voice.rate, round(len(hertz) * PERIOD * voice.rate))


def _lay(source: NDArray[np.int64], voiced: NDArray[np.bool_], note: MelodyNote, syllable: Syllable) -> None:
    """Write which frame of the speech sounds when. The vowel begins with the note; consonants come before it."""
    onset, end = round(note.start / PERIOD), min(round((note.start + note.seconds) / PERIOD), len(source))
    count = min(syllable.vowel - syllable.start, onset)
    consonants = np.arange(syllable.vowel - count, syllable.vowel)
    at = onset - len(consonants)
    if onset >= len(source):
        return
    source[at:onset], voiced[at:onset] = consonants, False
    held = end - onset
    if held <= 0:
        return
    vowel = syllable.end - syllable.vowel
    head, tail = min(vowel // 3, held // 2), min(vowel // 4, held // 4)
    # The vowel's beginning and end keep their speed; its middle is held.
    out, read = [0, head, held - tail, held], [0, head, vowel - tail, vowel]
    index = np.interp(np.arange(held), out, read).astype(int)
    source[onset:end] = np.minimum(syllable.vowel + index, syllable.end - 1)
    voiced[onset:end] = True


def _with_timbre(envelope: Audio, timbre: Timbre, rate: int) -> Audio:
    bins = envelope.shape[1]
    logarithm = np.log(np.maximum(envelope, FLOOR))
    if timbre.formants != 1.0:
        where = np.clip(np.arange(bins) / timbre.formants, 0, bins - 1)
        low = where.astype(int)
        high, share = np.minimum(low + 1, bins - 1), where - low
        logarithm = (1.0 - share) * logarithm[:, low] + share * logarithm[:, high]
    if timbre.tilt_db != 0.0:
        octaves = np.log2(np.maximum(np.arange(bins) * rate / (2 * (bins - 1)), 500.0) / 500.0)
        logarithm = logarithm + timbre.tilt_db * octaves * np.log(10.0) / 10.0
    return np.asarray(np.exp(logarithm))


def _synthesized(hertz: Audio, envelope: Audio, aperiodicity: Audio, rate: int, length: int) -> Audio:
    arrays = (np.ascontiguousarray(array, np.float64) for array in (hertz, envelope, aperiodicity))
    audio = np.asarray(_world().synthesize(*arrays, rate, PERIOD * 1000))
    return np.pad(audio, (0, max(length - len(audio), 0)))[:length]


def breath(rng: np.random.Generator, seconds: float, rate: int) -> Audio:
    """The noise of breathing in, `(samples,)`, root mean square 0.02."""
    from scipy.signal import butter, sosfilt

    samples = round(seconds * rate)
    band = butter(2, [float(rng.uniform(600, 1200)), float(rng.uniform(3500, 6500))], "band", fs=rate, output="sos")
    time = np.linspace(0.0, 1.0, samples)
    noise = sosfilt(band, rng.standard_normal(samples)) * np.sin(np.pi * time**1.6) ** 1.5
    return np.asarray(noise * (0.02 / max(float(np.sqrt(np.mean(noise**2))), 1e-9)))


def _world() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It asks setuptools for its version, which warns.
            import pyworld
    except ImportError as error:
        raise RequestError('pyworld is missing, recorded songs need it: pip install "edge_export[training]"') from error
    return pyworld
