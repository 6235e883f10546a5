"""Speech that sings: its pitch is the melody's, its vowels are held, its consonants and its formants are kept."""

from __future__ import annotations

import made_recordings
import numpy as np
import pytest

from edge_export.data.melody import Expression, MelodyNote
from edge_export.data.world_singing import (
    PERIOD,
    Timbre,
    Voice,
    analyze,
    breath,
    find_syllables,
    resynthesize,
    sing,
)

pytest.importorskip("pyworld", reason="recorded songs need pip install edge_export[training]")

RATE = made_recordings.RATE
NOTES = [MelodyNote(0.3 + i, 0.85, pitch) for i, pitch in enumerate((50.0, 53.0, 57.0, 55.5, 62.0, 66.0))]
SECONDS = 6.5


@pytest.fixture(scope="module")
def voice() -> Voice:
    return analyze(made_recordings.voice(3.4), RATE)


@pytest.fixture(scope="module")
def sung(voice: Voice) -> np.ndarray:
    return sing(voice, NOTES, Expression(), Timbre(), SECONDS)


def measured_pitch(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times in seconds, and WORLD's own estimate in Hz."""
    import pyworld

    rough, times = pyworld.harvest(audio, RATE, frame_period=5.0)
    return times, pyworld.stonemask(audio, rough, times, RATE)


def envelope_peak(audio: np.ndarray, lowest: float, highest: float) -> float:
    """Hz of the strongest part of the mean envelope between two frequencies."""
    envelope = analyze(audio, RATE).envelope
    mean = np.log(envelope[envelope.sum(axis=1) > np.median(envelope.sum(axis=1))]).mean(axis=0)
    hertz = np.linspace(0, RATE / 2, len(mean))
    inside = (hertz > lowest) & (hertz < highest)
    return float(hertz[inside][np.argmax(mean[inside])])


@pytest.mark.parametrize("number", range(len(NOTES)))
def test_a_held_note_has_the_pitch_that_the_melody_says_within_10_cents(sung: np.ndarray, number: int) -> None:
    note = NOTES[number]
    times, hertz = measured_pitch(sung)
    held = (times > note.start + 0.2) & (times < note.start + note.seconds - 0.15)
    assert (hertz[held] > 0).mean() > 0.95, "the vowel is held"
    cents = 1200 * np.log2(hertz[held & (hertz > 0)] / note.hertz)
    assert abs(np.median(cents)) < 3.0
    assert np.percentile(np.abs(cents), 90) < 10.0


def test_a_melody_a_semitone_higher_is_told_apart(voice: Voice) -> None:
    higher = [MelodyNote(note.start, note.seconds, note.pitch + 1.0) for note in NOTES]
    times, hertz = measured_pitch(sing(voice, higher, Expression(), Timbre(), SECONDS))
    held = (times > 0.5) & (times < 1.0) & (hertz > 0)
    assert np.median(1200 * np.log2(hertz[held] / NOTES[0].hertz)) == pytest.approx(100.0, abs=5.0)


def test_rests_are_silent_and_the_length_is_exact(sung: np.ndarray) -> None:
    assert len(sung) == round(SECONDS * RATE)
    assert np.abs(sung[: int(0.1 * RATE)]).max() < 1e-3 * np.abs(sung).max()
    assert np.abs(sung[int(6.35 * RATE) :]).max() < 1e-2 * np.abs(sung).max()


def test_consonants_keep_their_length_before_the_note(voice: Voice, sung: np.ndarray) -> None:
    lengths = [(s.vowel - s.start) * PERIOD for s in find_syllables(voice)[: len(NOTES)]]
    # The first syllable of the made voice has 60 ms of noise; those after a pause have it, too.
    assert all(0.04 <= seconds <= 0.16 for seconds in lengths[1:])
    for note, seconds in list(zip(NOTES, lengths, strict=True))[1:]:
        first, onset = round((note.start - seconds) * RATE), round(note.start * RATE)
        consonant = sung[first:onset]
        crossings = np.mean(np.diff(np.sign(consonant[len(consonant) // 3 : -80])) != 0)
        vowel = sung[onset + 2400 : onset + 4000]
        assert crossings > 2 * np.mean(np.diff(np.sign(vowel)) != 0), "noise, not a tone"
        assert np.sqrt(np.mean(consonant**2)) > 1e-3


def test_formants_move_by_their_factor(voice: Voice) -> None:
    plain = envelope_peak(sing(voice, NOTES, Expression(), Timbre(), SECONDS), 2400, 3400)
    higher = envelope_peak(sing(voice, NOTES, Expression(), Timbre(formants=1.15), SECONDS), 2400, 3600)
    assert higher / plain == pytest.approx(1.15, abs=0.05)


def test_breathiness_and_tilt_change_what_they_say(voice: Voice, sung: np.ndarray) -> None:
    breathy = analyze(sing(voice, NOTES, Expression(), Timbre(breathiness=3.0), SECONDS), RATE)
    plain = analyze(sung, RATE)
    assert breathy.aperiodicity[breathy.hertz > 0].mean() > 1.3 * plain.aperiodicity[plain.hertz > 0].mean()
    bright = sing(voice, NOTES, Expression(), Timbre(tilt_db=3.0), SECONDS)
    gain = [band_level(audio, 3500, 4500) - band_level(audio, 100, 500) for audio in (sung, bright)]
    assert gain[1] - gain[0] == pytest.approx(9.0, abs=2.0)


def band_level(audio: np.ndarray, lowest: float, highest: float) -> float:
    power, hertz = np.abs(np.fft.rfft(audio)) ** 2, np.fft.rfftfreq(len(audio), 1 / RATE)
    return float(10 * np.log10(power[(hertz > lowest) & (hertz < highest)].sum()))


def test_loudness_swells(voice: Voice, sung: np.ndarray) -> None:
    swelling = sing(voice, NOTES, Expression(swell_db=6.0), Timbre(), SECONDS, seed=2)
    change = [10 * np.log10((b**2).mean() / (a**2).mean()) for a, b in zip(held(sung), held(swelling), strict=True)]
    assert np.std(change) > 2.0


def held(audio: np.ndarray) -> list[np.ndarray]:
    return [audio[round((note.start + 0.2) * RATE) :][: RATE // 2] for note in NOTES]


def test_the_seed_decides_and_nothing_else(voice: Voice, sung: np.ndarray) -> None:
    assert np.array_equal(sung, sing(voice, NOTES, Expression(), Timbre(), SECONDS))
    wandering = Expression(drift_cents=10.0)
    one, again, other = (sing(voice, NOTES, wandering, Timbre(), SECONDS, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_long_vowels_are_split_into_syllables() -> None:
    time = np.arange(RATE) / RATE
    tone = 0.3 * sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 12))
    syllables = find_syllables(analyze(tone, RATE))
    assert 4 <= len(syllables) <= 12
    assert all((s.end - s.vowel) * PERIOD <= 0.3 for s in syllables)


def test_what_has_no_syllable_is_silent() -> None:
    silence = analyze(np.zeros(RATE), RATE)
    assert silence.median_hertz == 0.0
    assert np.abs(sing(silence, NOTES, Expression(), Timbre(), 2.0)).max() == 0.0


def test_speech_keeps_its_time_and_is_transposed(voice: Voice) -> None:
    spoken = resynthesize(voice, Timbre(), transpose=4.0)
    again = analyze(spoken, RATE)
    assert len(spoken) == pytest.approx(3.4 * RATE, abs=2 * PERIOD * RATE)
    assert 12 * np.log2(again.median_hertz / voice.median_hertz) == pytest.approx(4.0, abs=0.3)


def test_breath_is_soft_noise() -> None:
    noise = breath(np.random.default_rng(0), 0.3, RATE)
    assert len(noise) == int(0.3 * RATE)
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(0.02, rel=1e-6)
    assert band_level(noise, 1500, 3000) > band_level(noise, 50, 300) + 15
