"""Composes songs: key, chords, groove, instruments and a sung melody, drawn from one random generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge_export.data.midi import DRUM_CHANNEL, Note
from edge_export.data.singing import SungNote, Vibrato, Voice

PROGRESSIONS = (
    (0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4), (0, 3, 4, 3), (0, 2, 3, 4), (1, 4, 0, 5), (0, 3, 0, 4), (3, 4, 2, 5),
)  # fmt: skip
"""Degrees of the scale, one chord a bar."""
SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 3, 5, 7, 9, 10), (0, 2, 4, 5, 7, 9, 10))
DRUM_KITS = (0, 8, 16, 24, 25, 32, 40)
BASSES = tuple(range(32, 40))
CHORD_PROGRAMS = (0, 1, 2, 4, 5, 6, 7, 11, 16, 17, 18, 19, 21, 24, 25, 26, 27, 28, 29, 30, 46, 48, 49, 50, 51, 61, 62,
                  63, 80, 81, 88, 89, 90, 91, 94, 95)  # fmt: skip
LEAD_PROGRAMS = (0, 4, 8, 9, 11, 12, 13, 22, 24, 26, 27, 29, 30, 40, 41, 42, 46, 56, 57, 59, 60, 64, 65, 66, 68, 71,
                 72, 73, 75, 80, 81, 82, 84, 87, 104, 105, 107)  # fmt: skip
LANGUAGES = ("en-us", "en-gb", "en-gb-scotland", "de", "fr-fr", "it", "es", "pt-br", "nl", "pl", "sv")
LOW_VARIANTS = ("", "+m1", "+m2", "+m3", "+m4", "+m5", "+m6", "+m7", "+m8")
HIGH_VARIANTS = ("+f1", "+f2", "+f3", "+f4", "+f5")
LYRICS = """
love you me now go home day night light heart fire rain sun moon sky sea dream time run fall rise stay way road hand
eye voice song dance feel know see hear hold let come back down up all one two no yes oh la na ah hey why more old new
cold warm blue gold star wind wave storm free wild young lost found gone here there again tonight never over water
summer silver morning shadow river mother city paper winter falling dancing believe alone away
"""
WORDS = tuple(LYRICS.split())


@dataclass(frozen=True)
class Song:
    """A composed song.

    Attributes:
        seconds: The length of the song.
        drums, bass, other: The notes of each stem.
        programs: The General MIDI program of each channel.
        controls: The MIDI controllers of each channel (7 volume, 10 pan, 91 reverb).
        sung: The melody; empty if nothing is sung.
        spoken: The spoken lines: (start in seconds, text).
        voice, vibrato: The voice of the melody and of spoken lines, and the vibrato of the melody.
        levels: The gain of each stem in dB: drums, bass, other.
        vocals_db: The level of the vocals relative to the sum of the rest, in dB, over the parts that are not silent.
        echo: The length of the vocals' reverberation in seconds, and its level.
    """

    seconds: float
    drums: tuple[Note, ...]
    bass: tuple[Note, ...]
    other: tuple[Note, ...]
    programs: dict[int, int]
    controls: dict[int, dict[int, int]]
    sung: tuple[SungNote, ...]
    spoken: tuple[tuple[float, str], ...]
    voice: Voice
    vibrato: Vibrato
    levels: tuple[float, float, float]
    vocals_db: float
    echo: tuple[float, float]


def compose(rng: np.random.Generator, seconds: float) -> Song:
    """Composes a song of about `seconds` (whole bars). The same generator state gives the same song."""
    beat = 60.0 / rng.uniform(72.0, 150.0)
    bars = max(2, round(seconds / (4 * beat)))
    key, scale = int(rng.integers(0, 12)), SCALES[rng.integers(len(SCALES))]
    progression: tuple[int, ...] = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
    if rng.random() < 0.3:
        progression = tuple(int(d) for d in rng.permutation(progression))
    chords = [progression[bar % len(progression)] for bar in range(bars)]
    programs = {DRUM_CHANNEL: int(rng.choice(DRUM_KITS)), 0: int(rng.choice(BASSES))}
    other: list[Note] = []
    for channel in range(1, 1 + int(rng.integers(2, 5))):
        leads = channel == 3
        programs[channel] = int(rng.choice(LEAD_PROGRAMS if leads else CHORD_PROGRAMS))
        part = _lead if leads else (_arpeggio if rng.random() < 0.35 else _chords)
        other.extend(part(rng, channel, key, scale, chords, beat))
    controls = {
        channel: {7: int(rng.integers(70, 120)), 10: int(rng.integers(24, 104)), 91: int(rng.integers(0, 90))}
        for channel in programs
    }
    high = bool(rng.random() < 0.5)
    variant = rng.choice(HIGH_VARIANTS if high else LOW_VARIANTS)
    voice = Voice(f"{rng.choice(LANGUAGES)}{variant}", int(rng.integers(50, 85)), int(rng.integers(120, 190)))
    style = rng.random()
    sung = _melody(rng, key, scale, chords, beat, 60 if high else 48) if style < 0.85 else []
    spoken = _lines(rng, bars, beat) if style >= 0.85 else []
    return Song(
        seconds=bars * 4 * beat,
        drums=tuple(_drums(rng, bars, beat)),
        bass=tuple(_bass(rng, key, scale, chords, beat)),
        other=tuple(other),
        programs=programs,
        controls=controls,
        sung=tuple(sung),
        spoken=tuple(spoken),
        voice=voice,
        vibrato=Vibrato(float(rng.uniform(4.5, 6.5)), float(rng.uniform(10.0, 60.0)), float(rng.uniform(0.1, 0.35))),
        levels=(float(rng.uniform(-4, 2)), float(rng.uniform(-5, 1)), float(rng.uniform(-3, 2))),
        vocals_db=float(rng.uniform(-4.0, 2.0)),
        echo=(float(rng.uniform(0.2, 1.2)), float(rng.uniform(0.0, 0.25))),
    )


def _degree(key: int, scale: tuple[int, ...], degree: int, lowest: int) -> int:
    """Returns the MIDI pitch of a scale degree above `lowest`. The degree may exceed an octave."""
    octave, step = divmod(degree, len(scale))
    return lowest + (key - lowest) % 12 + scale[step] + 12 * octave


def _drums(rng: np.random.Generator, bars: int, beat: float) -> list[Note]:
    kick, snare = rng.random(16) < 0.15, rng.random(16) < 0.05
    kick[[0, 8]] = True
    snare[[4, 12]] = True
    hat, step = int(rng.choice([42, 44, 46, 51, 70, 82])), int(rng.choice([1, 2, 2, 4]))
    notes: list[Note] = []
    for bar in range(bars):
        fill = bar % 4 == 3 and rng.random() < 0.6
        if bar % 8 == 0:
            notes.append(Note(bar * 4 * beat, 1.0, 49, 95, DRUM_CHANNEL))
        for tick in range(16):
            start = (bar * 16 + tick) * beat / 4 + float(rng.normal(0.0, 0.003))
            hits = [36] if kick[tick] else []
            hits += [38] if snare[tick] else []
            hits += [hat] if tick % step == 0 else []
            if fill and tick >= 12:
                hits = [int(rng.choice([38, 41, 45, 48, 50]))]
            loud = 105 if tick % 4 == 0 else 85
            notes += [Note(max(start, 0.0), 0.2, h, loud + int(rng.integers(-12, 12)), DRUM_CHANNEL) for h in hits]
    return notes


def _bass(rng: np.random.Generator, key: int, scale: tuple[int, ...], chords: list[int], beat: float) -> list[Note]:
    plays = rng.random(8) < rng.uniform(0.2, 0.9)
    plays[0] = True
    offsets = rng.choice([0, 0, 0, 4, 7, 2], size=8)
    return [
        Note((bar * 4 + tick * 0.5) * beat, 0.45 * beat * int(rng.choice([1, 1, 2])),
             _degree(key, scale, chord + (int(offsets[tick]) if tick else 0), 28), 95 + int(rng.integers(-10, 10)), 0)
        for bar, chord in enumerate(chords)
        for tick in np.flatnonzero(plays)
    ]  # fmt: skip


def _chords(
    rng: np.random.Generator, channel: int, key: int, scale: tuple[int, ...], chords: list[int], beat: float
) -> list[Note]:
    hits = [(0.0, 4.0), (0.0, 2.0), (0.0, 1.0)][rng.integers(3)][1]
    lowest, voices = int(rng.choice([48, 52, 60])), (0, 2, 4, 6) if rng.random() < 0.3 else (0, 2, 4)
    hold = float(rng.uniform(0.4, 0.98))
    return [
        Note((bar * 4 + hit * hits) * beat + float(rng.uniform(0, 0.012)), hold * hits * beat,
             _degree(key, scale, chord + voice, lowest), 80 + int(rng.integers(-10, 10)), channel)
        for bar, chord in enumerate(chords)
        for hit in range(int(4 / hits))
        for voice in voices
    ]  # fmt: skip


def _arpeggio(
    rng: np.random.Generator, channel: int, key: int, scale: tuple[int, ...], chords: list[int], beat: float
) -> list[Note]:
    pattern = rng.choice([0, 2, 4, 7, 9], size=int(rng.choice([6, 8])))
    step, lowest = float(rng.choice([0.25, 0.5, 0.5])), int(rng.choice([52, 60, 64]))
    return [
        Note((bar * 4 + i * step) * beat, 0.9 * step * beat,
             _degree(key, scale, chord + int(pattern[i % len(pattern)]), lowest),
             80 + int(rng.integers(-12, 12)), channel)
        for bar, chord in enumerate(chords)
        for i in range(int(4 / step))
    ]  # fmt: skip


def _walk(rng: np.random.Generator, chords: list[int], density: float) -> list[tuple[float, float, int]]:
    """Draws a melody with phrases and rests: (onset in beats, length in beats, scale degree) of each note."""
    out: list[tuple[float, float, int]] = []
    degree = int(rng.integers(2, 8))
    for bar, chord in enumerate(chords):
        position = 0.0
        rest_from = 4.0 if bar % 2 == 0 else float(rng.choice([2.5, 3.0, 4.0]))
        while position < rest_from:
            length = float(rng.choice([0.5, 0.5, 1.0, 1.0, 1.5, 2.0, 3.0]))
            length = min(length, rest_from - position)
            if rng.random() < density:
                degree += int(rng.choice([-2, -1, -1, 0, 1, 1, 2]))
                degree += -2 if degree > 10 else 2 if degree < 0 else 0
                if position == 0.0 and (degree - chord) % 7 not in (0, 2, 4):
                    degree += 1
                out.append((bar * 4 + position, length, degree))
            position += length
    return out


def _lead(
    rng: np.random.Generator, channel: int, key: int, scale: tuple[int, ...], chords: list[int], beat: float
) -> list[Note]:
    lowest = int(rng.choice([55, 60, 67]))
    return [
        Note(onset * beat, 0.95 * length * beat, _degree(key, scale, degree, lowest),
             85 + int(rng.integers(-10, 15)), channel)
        for onset, length, degree in _walk(rng, chords, float(rng.uniform(0.3, 0.8)))
    ]  # fmt: skip


def _melody(
    rng: np.random.Generator, key: int, scale: tuple[int, ...], chords: list[int], beat: float, lowest: int
) -> list[SungNote]:
    lyrics = rng.choice(WORDS, size=int(rng.integers(12, 28)))
    transpose = int(rng.integers(-3, 4))
    return [
        SungNote(onset * beat, max(0.92 * length * beat, 0.12),
                 float(440.0 * 2.0 ** ((_degree(key, scale, degree, lowest + transpose) - 69) / 12.0)),
                 str(lyrics[i % len(lyrics)]))
        for i, (onset, length, degree) in enumerate(_walk(rng, chords, float(rng.uniform(0.75, 1.0))))
    ]  # fmt: skip


def _lines(rng: np.random.Generator, bars: int, beat: float) -> list[tuple[float, str]]:
    return [
        (bar * 4 * beat, " ".join(rng.choice(WORDS, size=max(3, int(6 * 4 * beat / 2.4)))))
        for bar in range(bars)
        if rng.random() < 0.85
    ]
