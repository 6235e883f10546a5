"""Melodies for recorded voices: which note is sung when, and the pitch of each moment. No sound is made here."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_export.data.key import Key

LENGTHS = (0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 3.0)
STEPS = (-4, -2, -2, -1, -1, -1, 0, 0, 1, 1, 1, 2, 2, 3)
"""Beats of a note; degrees to the next."""
MIN_NOTE = 0.14
"""Seconds."""


@dataclass(frozen=True)
class MelodyNote:
    """One note: onset and duration in seconds, MIDI pitch (69.0 is 440 Hz), and whether a phrase begins with it."""

    start: float
    seconds: float
    pitch: float
    begins_phrase: bool = False

    @property
    def hertz(self) -> float:
        """The pitch in Hz."""
        return float(440.0 * 2.0 ** ((self.pitch - 69.0) / 12.0))


@dataclass(frozen=True)
class Expression:
    """How a singer leaves the exact pitch.

    Attributes:
        vibrato_rate: Hz.
        vibrato_cents: Its depth, in which it swings up and down.
        vibrato_delay: Seconds after a note's onset at which it sets in.
        portamento: Time constant, in seconds, of the way from the note before.
        scoop_cents: How far below its pitch a phrase's first note begins.
        drift_cents: Standard deviation of a slow wandering.
        detune_cents: Standard deviation of each note's own error.
        swell_db: Standard deviation of a slow change of loudness.
    """

    vibrato_rate: float = 5.5
    vibrato_cents: float = 0.0
    vibrato_delay: float = 0.2
    portamento: float = 0.0
    scoop_cents: float = 0.0
    drift_cents: float = 0.0
    detune_cents: float = 0.0
    swell_db: float = 0.0


def draw_expression(rng: np.random.Generator) -> Expression:
    """A singer's manner; one in five is tuned hard, as by a machine."""
    if rng.random() < 0.2:
        return Expression(portamento=float(rng.uniform(0.0, 0.01)), swell_db=float(rng.uniform(0.5, 2.5)))
    return Expression(
        vibrato_rate=float(rng.uniform(4.6, 6.8)),
        vibrato_cents=float(rng.choice([0.0, rng.uniform(10, 60), rng.uniform(30, 110)])),
        vibrato_delay=float(rng.uniform(0.05, 0.5)),
        portamento=float(rng.uniform(0.01, 0.07)),
        scoop_cents=float(rng.choice([0.0, rng.uniform(50, 300)])),
        drift_cents=float(rng.uniform(2, 14)),
        detune_cents=float(rng.uniform(2, 18)),
        swell_db=float(rng.uniform(0.5, 4.0)),
    )


def draw_melody(
    rng: np.random.Generator, seconds: float, key: Key, lowest: float, highest: float, beat: float | None = None
) -> list[MelodyNote]:
    """Phrases with rests between them, in `key`.

    Args:
        rng: Decides everything.
        seconds: Where the last note ends at the latest.
        key: Whose degrees are sung.
        lowest: MIDI pitch, about; no note is lower.
        highest: No note is higher.
        beat: Seconds of a beat; drawn when None.
    """
    beat = float(rng.uniform(0.34, 0.8)) if beat is None else beat
    degrees = [d for d in range(-14, 22) if lowest <= key.pitch(d, lowest) <= highest]
    if not degrees:
        raise ValueError(f"no degree of the key lies between MIDI pitches {lowest} and {highest}")
    degree = int(degrees[rng.integers(len(degrees))])
    notes: list[MelodyNote] = []
    at = float(rng.uniform(0.0, 2.0)) * beat
    while at < seconds:
        begins = True
        for _ in range(int(rng.integers(4, 12))):
            length = max(float(rng.choice(LENGTHS)) * beat, MIN_NOTE)
            if at + length > seconds:
                return notes
            degree = min(max(degree + int(rng.choice(STEPS)), degrees[0]), degrees[-1])
            notes.append(MelodyNote(at, length * float(rng.uniform(0.85, 1.0)), key.pitch(degree, lowest), begins))
            begins = False
            at += length
        at += float(rng.choice([0.5, 1.0, 1.0, 2.0, 4.0])) * beat
    return notes


def harmony(notes: list[MelodyNote], key: Key, degrees: int) -> list[MelodyNote]:
    """The same rhythm, each note `degrees` of the scale above (below when negative)."""
    out = []
    for note in notes:
        relative = (note.pitch - key.tonic - key.tuning) % 12
        distances = [min((relative - step) % 12, (step - relative) % 12) for step in key.scale]
        degree = int(np.argmin(distances))
        octave, step = divmod(degree + degrees, len(key.scale))
        out.append(replace(note, pitch=note.pitch + key.scale[step] + 12 * octave - key.scale[degree]))
    return out


def moved(notes: list[MelodyNote], rng: np.random.Generator, seconds: float) -> list[MelodyNote]:
    """The same melody by a singer who is early or late by a normal error of `seconds` at each note."""
    return [replace(note, start=max(note.start + float(rng.normal(0.0, seconds)), 0.0)) for note in notes]


def pitch_of_notes(
    notes: list[MelodyNote], expression: Expression, times: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """MIDI pitch at each of `times` (seconds, ascending); a rest keeps the pitch of the note before it."""
    if not notes or not len(times):
        return np.zeros(len(times))
    starts = np.array([note.start for note in notes])
    target = np.array([note.pitch for note in notes]) + rng.normal(0.0, expression.detune_cents / 100, len(notes))
    before = np.concatenate([target[:1], target[:-1]])
    first = np.array([note.begins_phrase for note in notes])
    before = np.where(first, target - expression.scoop_cents / 100, before)
    number = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, None)
    since = np.maximum(times - starts[number], 0.0)
    pitch = target[number].copy()
    if expression.portamento > 0.0:
        pitch += (before - target)[number] * np.exp(-since / expression.portamento)
    depth = expression.vibrato_cents / 100 * np.clip((since - expression.vibrato_delay) / 0.2, 0.0, 1.0)
    phase = float(rng.uniform(0, 2 * np.pi))
    pitch += depth * np.sin(2 * np.pi * expression.vibrato_rate * times + phase)
    return np.asarray(pitch + wandering(times, expression.drift_cents / 100, rng))


def wandering(times: NDArray[np.float64], deviation: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A slow random curve at `times` (seconds, ascending) of the given standard deviation; a knot every 0.3 s."""
    if deviation <= 0.0 or not len(times):
        return np.zeros(len(times))
    knots = np.arange(times[0], times[-1] + 0.6, 0.3)
    return np.asarray(np.interp(times, knots, rng.normal(0.0, deviation, len(knots))))
