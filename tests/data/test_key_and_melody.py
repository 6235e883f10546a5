"""Keys are heard out of chords, and melodies stay in them."""

from __future__ import annotations

from itertools import pairwise

import made_recordings
import numpy as np
import pytest

from edge_export.data.key import MAJOR, MINOR, Key, estimate_key
from edge_export.data.melody import Expression, MelodyNote, draw_melody, harmony, moved, pitch_of_notes

A_MAJOR = Key(9, MAJOR)


@pytest.mark.parametrize("tonic", [48, 53, 57, 62])
def test_the_key_of_a_cadence_is_found(tonic: int) -> None:
    key, fits = estimate_key(made_recordings.chords(6.0, tonic=tonic).mean(axis=1), 16000)
    assert (key.tonic, key.scale) == (tonic % 12, MAJOR)
    assert fits > 0.8
    assert key.tuning == pytest.approx(0.0, abs=0.05)


def test_music_that_is_out_of_tune_gives_its_tuning() -> None:
    sharp = made_recordings.chords(6.0, tonic=57.3).mean(axis=1)  # type: ignore[arg-type]
    key, _ = estimate_key(sharp, 16000)
    assert key.tonic == 9
    assert key.tuning == pytest.approx(0.3, abs=0.05)


def test_silence_has_no_key() -> None:
    assert estimate_key(np.zeros(32000), 16000) == (Key(0), 0.0)
    assert estimate_key(np.zeros(10), 16000)[1] == 0.0


@pytest.mark.parametrize("key", [A_MAJOR, Key(2, MINOR, 0.2)])
def test_a_melody_is_in_its_key_its_range_and_its_time(key: Key) -> None:
    notes = draw_melody(np.random.default_rng(3), 30.0, key, 50.0, 67.0)
    assert len(notes) > 15
    steps = {round((note.pitch - key.tuning - key.tonic) % 12, 6) for note in notes}
    assert steps <= {float(step) for step in key.scale}
    assert all(50.0 <= note.pitch <= 67.0 for note in notes)
    assert all(a.start + a.seconds <= b.start + 1e-9 for a, b in pairwise(notes))
    assert notes[-1].start + notes[-1].seconds <= 30.0
    assert notes[0].begins_phrase
    assert 1 < sum(note.begins_phrase for note in notes) < len(notes)
    assert notes == draw_melody(np.random.default_rng(3), 30.0, key, 50.0, 67.0)
    assert notes != draw_melody(np.random.default_rng(4), 30.0, key, 50.0, 67.0)


def test_a_third_above_is_a_third_of_the_key() -> None:
    notes = [MelodyNote(0.0, 1.0, 57.0), MelodyNote(1.0, 1.0, 59.0), MelodyNote(2.0, 1.0, 68.0)]
    assert [note.pitch for note in harmony(notes, A_MAJOR, 2)] == [61.0, 62.0, 71.0]
    assert [note.pitch for note in harmony(notes, A_MAJOR, -7)] == [45.0, 47.0, 56.0]


def test_another_singer_is_not_exactly_in_time() -> None:
    notes = [MelodyNote(i + 1.0, 0.9, 60.0) for i in range(200)]
    late = np.array(
        [b.start - a.start for a, b in zip(notes, moved(notes, np.random.default_rng(0), 0.02), strict=True)]
    )
    assert late.std() == pytest.approx(0.02, rel=0.2)


TIMES = np.arange(400) * 0.005
NOTES = [MelodyNote(0.0, 1.0, 60.0, True), MelodyNote(1.0, 1.0, 64.0)]


def pitch(**expression: float) -> np.ndarray:
    return pitch_of_notes(NOTES, Expression(**expression), TIMES, np.random.default_rng(0))


def test_the_pitch_is_the_notes_pitch() -> None:
    assert pitch().tolist() == [60.0] * 200 + [64.0] * 200


def test_vibrato_has_its_rate_its_depth_and_its_delay() -> None:
    curve = pitch(vibrato_rate=5.0, vibrato_cents=50.0, vibrato_delay=0.2)
    assert np.ptp(curve[:40]) < 1e-9
    assert np.ptp(curve[100:200]) == pytest.approx(1.0, abs=0.02)
    spectrum = np.abs(np.fft.rfft(curve[120:200] - 60.0))
    assert np.argmax(spectrum) * 200 / 80 == pytest.approx(5.0)


def test_portamento_and_scoop_lead_to_the_pitch() -> None:
    curve = pitch(portamento=0.05, scoop_cents=200.0)
    assert curve[0] == pytest.approx(58.0)
    assert curve[200] == pytest.approx(60.0)
    assert np.all(np.diff(curve[200:]) >= 0.0)
    assert curve[-1] == pytest.approx(64.0, abs=0.01)


def test_drift_and_detuning_are_as_large_as_they_say() -> None:
    many = [MelodyNote(float(i), 1.0, 60.0) for i in range(400)]
    times = np.arange(400) + 0.5
    detuned = pitch_of_notes(many, Expression(detune_cents=20.0), times, np.random.default_rng(1))
    assert (detuned - 60.0).std() == pytest.approx(0.2, rel=0.15)
    drifting = pitch_of_notes(many[:1], Expression(drift_cents=10.0), np.arange(40000) * 0.01, np.random.default_rng(1))
    assert 0.05 < (drifting - 60.0).std() < 0.11
