"""Each effect changes what it says, keeps length and alignment, and gives the same again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge_export.data.effects import (
    CODECS,
    Band,
    bus_gain,
    compress,
    equalize,
    fade,
    limiter_gain,
    low_rate_codec,
    plate,
    room,
    room_response,
    saturate,
    widen,
)

pytest.importorskip("pedalboard", reason="recorded songs need pip install edge_export[training]")

RATE = 16000
SECONDS = 2.0


def noise(channels: int = 1, seed: int = 0) -> np.ndarray:
    """Noise in bursts of a quarter of a second, loud and soft."""
    samples = int(SECONDS * RATE)
    steps = np.repeat([1.0, 0.1, 0.6, 0.02, 1.0, 0.3, 0.05, 0.8], samples // 8)
    return (0.2 * steps * np.random.default_rng(seed).standard_normal((channels, samples))).astype(np.float32)


def swell(seed: int = 0) -> np.ndarray:
    """A tone that swells from silence by 40 dB and fades again, once a second."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    gain = 10.0 ** (-1.0 - np.cos(2 * np.pi * time))
    return (gain * np.sin(2 * np.pi * (300 + 70 * seed) * time)).astype(np.float32)[None]


def crest(audio: np.ndarray) -> float:
    return float(20 * np.log10(np.abs(audio).max() / np.sqrt(np.mean(audio**2))))


def level(audio: np.ndarray, lowest: float = 0.0, highest: float = RATE / 2) -> float:
    """dB between two frequencies."""
    power = (np.abs(np.fft.rfft(audio, axis=-1)) ** 2).reshape(-1, audio.shape[-1] // 2 + 1).sum(axis=0)
    hertz = np.fft.rfftfreq(audio.shape[-1], 1 / RATE)
    return float(10 * np.log10(power[(hertz >= lowest) & (hertz < highest)].sum() + 1e-12))


EFFECTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "room": lambda audio: room(audio, RATE, 0.6, -6.0, seed=1),
    "plate": lambda audio: plate(audio, RATE, 1.0, -6.0, seed=1),
    "equalize": lambda audio: equalize(audio, RATE, (Band("peak", 1000.0, 6.0), Band("high_pass", 80.0))),
    "compress": lambda audio: compress(audio, RATE, -10.0, 4.0),
    "saturate": lambda audio: saturate(audio, RATE, 12.0),
    "widen": lambda audio: widen(audio, 0.5),
    "fade": lambda audio: fade(audio, RATE, 0.2, 0.2),
    "bus": lambda audio: audio * bus_gain(audio, RATE, -6.0, 3.0),
    "limiter": lambda audio: audio * limiter_gain(audio, RATE, 0.3),
    **{codec: lambda audio, codec=codec: low_rate_codec(audio, RATE, codec) for codec in CODECS},  # type: ignore[misc]
}


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", EFFECTS)
def test_length_and_alignment_stay_and_the_same_comes_again(name: str, channels: int) -> None:
    audio = noise(channels)
    kept = audio.copy()
    out = EFFECTS[name](audio)
    assert np.array_equal(audio, kept), "the input is not written to"
    assert out.shape == audio.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()
    assert np.array_equal(out, EFFECTS[name](audio))
    if channels == 2 or name != "widen":
        assert not np.array_equal(out, audio), "something changes"
    # The best lag between input and output is none.
    spectrum = np.fft.rfft(audio[0]) * np.conj(np.fft.rfft(out[0]))
    correlation = np.fft.irfft(spectrum)
    assert int(np.argmax(np.abs(correlation))) in (0, 1, len(correlation) - 1)


def decay_seconds(response: np.ndarray) -> float:
    """T60 by Schroeder's backward integration, from -5 to -35 dB."""
    energy = np.cumsum(response[::-1] ** 2)[::-1]
    decibels = 10 * np.log10(energy / energy[0] + 1e-12)
    first, last = np.argmax(decibels < -5), np.argmax(decibels < -35)
    return 2.0 * (last - first) / RATE


@pytest.mark.parametrize("t60", [0.3, 0.8, 1.6])
@pytest.mark.parametrize("effect", [room, plate])
def test_a_room_decays_in_the_time_that_it_is_given(effect: Callable[..., np.ndarray], t60: float) -> None:
    impulse = np.zeros((1, 4 * RATE), np.float32)
    impulse[0, 0] = 1.0
    tail = effect(impulse, RATE, t60, 0.0, seed=3)[0]
    tail[0] = 0.0
    if effect is room:  # Given for the low frequencies; the high ones decay faster.
        spectrum = np.fft.rfft(tail)
        spectrum[np.fft.rfftfreq(len(tail), 1 / RATE) > 800] = 0.0
        tail = np.fft.irfft(spectrum)[: 3 * RATE]
    assert decay_seconds(tail) == pytest.approx(t60, rel=0.2)


def test_rooms_damp_high_frequencies_and_have_the_energy_that_is_asked_for() -> None:
    response = room_response(RATE, 1.0, 5, 1, 0.01, 12)[0]
    late = response[RATE // 2 :]
    assert level(response, 4500, 7500) - level(late, 4500, 7500) > level(response, 100, 900) - level(late, 100, 900) + 6
    impulse = np.zeros((2, RATE), np.float32)
    impulse[:, 0] = 1.0
    wet = room(impulse, RATE, 0.4, -10.0, seed=5) - impulse
    assert 10 * np.log10((wet**2).sum(axis=1)) == pytest.approx([-10.0, -10.0], abs=0.3)
    assert np.abs(wet[:, : int(0.01 * RATE)]).max() < 1e-6, "nothing before the first reflection"
    assert abs(np.corrcoef(wet)[0, 1]) < 0.6, "the two sides differ"
    assert not np.array_equal(room(impulse, RATE, 0.4, -10.0, seed=6), room(impulse, RATE, 0.4, -10.0, seed=5))


@pytest.mark.parametrize(
    ("band", "gains"),
    [
        (Band("peak", 1000.0, 6.0, 1.0), (0.0, 6.0, 0.0)),
        (Band("peak", 1000.0, -9.0, 1.0), (0.0, -9.0, 0.0)),
        (Band("low_shelf", 400.0, 6.0), (6.0, 0.0, 0.0)),
        (Band("high_shelf", 2500.0, -6.0), (0.0, 0.0, -6.0)),
    ],
)
def test_an_equalizer_raises_its_band_by_its_gain(band: Band, gains: tuple[float, ...]) -> None:
    audio = noise()
    out = equalize(audio, RATE, (band,))
    for (lowest, highest), gain in zip(((20, 80), (980, 1020), (7000, 7800)), gains, strict=True):
        assert level(out, lowest, highest) - level(audio, lowest, highest) == pytest.approx(gain, abs=0.7)


def test_passes_remove_what_is_beyond_their_corner() -> None:
    audio = noise()
    high, low = (equalize(audio, RATE, (Band(kind, 1000.0),)) for kind in ("high_pass", "low_pass"))
    assert level(high, 50, 150) < level(audio, 50, 150) - 15
    assert level(low, 6000, 7500) < level(audio, 6000, 7500) - 12
    assert level(high, 6000, 7500) == pytest.approx(level(audio, 6000, 7500), abs=0.5)


def test_a_compressor_lowers_the_crest_factor_and_keeps_the_level() -> None:
    audio = swell()
    mild, strong = (compress(audio, RATE, t, r, 0.003, 0.03) for t, r in ((-10.0, 2.0), (-20.0, 8.0)))
    assert crest(mild) < crest(audio) - 1.0
    assert crest(strong) < crest(mild) - 1.0
    assert level(strong) == pytest.approx(level(audio), abs=0.01)


def test_saturation_adds_odd_harmonics() -> None:
    time = np.arange(2 * RATE) / RATE
    tone = (0.2 * np.sin(2 * np.pi * 500 * time)).astype(np.float32)[None]
    out = saturate(tone, RATE, 12.0)
    assert level(tone, 1490, 1510) < level(tone, 490, 510) - 60
    assert -25 < level(out, 1490, 1510) - level(out, 490, 510) < -8
    assert level(out) == pytest.approx(level(tone), abs=0.01)


def test_a_low_rate_codec_removes_what_is_above_its_band() -> None:
    audio = noise()
    telephone = low_rate_codec(audio, RATE, "gsm")
    assert level(telephone, 4500, 8000) < level(audio, 4500, 8000) - 20
    opus = low_rate_codec(audio, RATE, "opus", 0.0)
    assert level(opus, 6500, 8000) < level(audio, 6500, 8000) - 10
    mp3 = low_rate_codec(audio, RATE, "mp3", 0.0)
    assert level(mp3, 6500, 8000) < level(audio, 6500, 8000) - 20
    assert level(mp3, 100, 3400) == pytest.approx(level(audio, 100, 3400), abs=1.0)
    for codec in ("vorbis", "mp3", "opus"):
        errors = [low_rate_codec(audio, RATE, codec, quality) - audio for quality in (0.0, 1.0)]
        assert level(errors[1]) < level(errors[0]) - 3.0, f"{codec} is better at its highest rate"


def test_width_changes_the_ratio_of_side_to_middle() -> None:
    audio = noise(2)
    ratio = level((audio[0] - audio[1])[None]) - level((audio[0] + audio[1])[None])
    for width in (0.5, 2.0):
        out = widen(audio, width)
        after = level((out[0] - out[1])[None]) - level((out[0] + out[1])[None])
        assert after - ratio == pytest.approx(20 * np.log10(width), abs=0.01)
    mono = widen(audio, 0.0)
    assert np.array_equal(mono[0], mono[1])
    assert np.array_equal(widen(noise(1), 0.0), noise(1))


def test_fades_begin_and_end_in_silence() -> None:
    out = fade(np.ones((1, RATE), np.float32), RATE, 0.25, 0.5)[0]
    assert out[0] == out[-1] == 0.0
    assert np.all(out[4000:8000] == 1.0)
    assert np.all(np.diff(out[:4000]) >= 0.0)
    assert np.array_equal(fade(noise(), RATE, 0.0, 0.0), noise())


def test_the_gains_of_a_mix_are_shared_by_its_stems() -> None:
    stems = [swell(seed) for seed in range(2)]
    mix = stems[0] + stems[1]
    compressed = bus_gain(mix, RATE, -15.0, 4.0, 0.005, 0.03)
    assert crest(mix * compressed) < crest(mix) - 1.0
    ceiling = 0.3 * float(np.abs(mix).max())
    limited = limiter_gain(mix, RATE, ceiling)
    assert np.abs(mix * limited).max() <= ceiling * 1.0001
    assert limited.min() > 0.1
    for gain in (compressed, limited):
        assert gain.shape == (mix.shape[1],)
        assert gain.max() <= 1.0001
        assert np.allclose(stems[0] * gain + stems[1] * gain, mix * gain, atol=1e-6)
        assert np.abs(np.diff(gain)).max() < 0.2, "a gain, not a distortion"
    assert np.allclose(limiter_gain(mix, RATE, 10.0), 1.0)
