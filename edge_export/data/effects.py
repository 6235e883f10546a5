"""What a studio does to a voice and to a mix: rooms, plates, compression, equalizers, saturation, width, codecs.

Compression, equalizers, saturation and GSM come from pedalboard (Spotify's wrapper of JUCE: fast, deterministic, no
latency; GPL-3.0, so it is an extra for training only and nothing that ships imports it). Vorbis, Opus and MP3 come from
libsndfile, which decodes them to the same length and alignment. Rooms are statistical: early reflections and noise that
decays exponentially, faster at high frequencies (Moorer 1979), since only the decay matters here and not a geometry.

Every effect is a function from `(channels, samples)` to the same shape, aligned with its input, and a pure function of
its arguments. Effects of a whole mix are gains that all stems share, so that the stems still add up to the mix.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_export.errors import RequestError

Audio = NDArray[np.float32]

CODECS = ("vorbis", "opus", "mp3", "gsm")


@dataclass(frozen=True)
class Band:
    """One band of an equalizer.

    Attributes:
        kind: "peak", "low_shelf", "high_shelf", "high_pass" or "low_pass".
        hertz: Center or corner.
        gain_db: Of peaks and shelves.
        q: Of peaks and shelves.
    """

    kind: str
    hertz: float
    gain_db: float = 0.0
    q: float = 0.707


def room(audio: Audio, rate: int, t60: float, wet_db: float, seed: int = 0, before: float = 0.01) -> Audio:
    """Add a room.

    Args:
        audio: `(channels, samples)`.
        rate: Hz.
        t60: Seconds in which the reverberation falls by 60 dB, up to 1 kHz; 40 % shorter at the highest frequencies.
        wet_db: Energy of the room's response against that of the direct sound.
        seed: Which room.
        before: Seconds before the first reflection.
    """
    return _convolved(audio, room_response(rate, t60, seed, audio.shape[0], before, early=12), wet_db)


def plate(audio: Audio, rate: int, t60: float, wet_db: float, seed: int = 0) -> Audio:
    """Add a plate: dense from the start, bright, without early reflections. Arguments as of `room`."""
    from scipy.signal import butter, sosfilt

    response = room_response(rate, t60, seed, audio.shape[0], before=0.0, early=0, damping=0.0)
    response = sosfilt(butter(1, 200.0, "high", fs=rate, output="sos"), response)
    return _convolved(audio, response, wet_db)


def room_response(
    rate: int, t60: float, seed: int, channels: int, before: float, early: int, damping: float = 0.4
) -> NDArray[np.float64]:
    """A room's response without the direct sound, `(channels, samples)`, each channel of energy 1."""
    from scipy.signal import butter, sosfiltfilt

    rng = np.random.default_rng(seed)
    samples = max(round(1.2 * t60 * rate), 64)
    time = np.arange(samples) / rate
    response = np.zeros((channels, samples))
    split = [1000.0, 4000.0] if rate > 9000 else [1000.0]
    decays = [1.0, 1.0 - damping / 2, 1.0 - damping]
    noise = rng.standard_normal((channels, samples))
    rest = noise
    for corner, decay in zip([*split, None], decays, strict=False):
        part = rest if corner is None else sosfiltfilt(butter(2, corner, fs=rate, output="sos"), rest)
        rest = rest - part
        response += part * 10.0 ** (-3.0 * time / (t60 * decay))
    # The diffuse part grows over the first 30 ms; single reflections come before it.
    response *= np.clip(time / 0.03, 0.0, 1.0) if early else 1.0
    for _ in range(early):
        at = before + float(rng.exponential(0.02))
        if round(at * rate) < samples:
            response[:, round(at * rate)] += rng.choice([-1, 1]) * rng.uniform(0.3, 1.0, channels) * np.exp(-at / 0.03)
    response[:, : round(before * rate)] = 0.0
    return np.asarray(response / np.sqrt((response**2).sum(axis=1, keepdims=True)))


def equalize(audio: Audio, rate: int, bands: tuple[Band, ...]) -> Audio:
    """Run an equalizer over `audio`."""
    board = _pedalboard()
    makers = {
        "peak": lambda band: board.PeakFilter(band.hertz, band.gain_db, band.q),
        "low_shelf": lambda band: board.LowShelfFilter(band.hertz, band.gain_db, band.q),
        "high_shelf": lambda band: board.HighShelfFilter(band.hertz, band.gain_db, band.q),
        "high_pass": lambda band: board.HighpassFilter(band.hertz),
        "low_pass": lambda band: board.LowpassFilter(band.hertz),
    }
    return _processed(audio, rate, [makers[band.kind](band) for band in bands])


def compress(
    audio: Audio, rate: int, threshold_db: float, ratio: float, attack: float = 0.005, release: float = 0.1
) -> Audio:
    """Compress; the level of the result is that of the input.

    Args:
        audio: `(channels, samples)`.
        rate: Hz.
        threshold_db: Against the root mean square of `audio`.
        ratio: Decibels in for each decibel out, above the threshold.
        attack, release: Seconds.
    """
    level = _level(audio)
    threshold = 20.0 * np.log10(level) + threshold_db
    plugin = _pedalboard().Compressor(threshold, ratio, attack * 1000, release * 1000)
    return _at_level(_processed(audio, rate, [plugin]), level)


def saturate(audio: Audio, rate: int, drive_db: float) -> Audio:
    """Drive a tape or a tube (tanh) by `drive_db` above a peak of 1; the level of the result is that of the input."""
    peak = max(float(np.abs(audio).max(initial=0.0)), 1e-9)
    driven = _processed(audio / np.float32(peak), rate, [_pedalboard().Distortion(drive_db)])
    return _at_level(driven, _level(audio))


def low_rate_codec(audio: Audio, rate: int, codec: str, quality: float = 0.0) -> Audio:
    """Encode and decode.

    Args:
        audio: `(channels, samples)`, at most 1 in magnitude.
        rate: Hz.
        codec: One of `CODECS`. "gsm" is a telephone at 8 kHz.
        quality: 0.0 is the lowest bit rate of the codec, 1.0 the highest; nothing to "gsm".
    """
    import soundfile as sf

    if codec == "gsm":
        return _processed(audio, rate, [_pedalboard().GSMFullRateCompressor()])
    container, subtype, worst = {
        "vorbis": ("OGG", "VORBIS", 1.0),
        "opus": ("OGG", "OPUS", 1.0),
        "mp3": ("MP3", "MPEG_LAYER_III", 0.99),
    }[codec]
    clipped, stream = np.clip(audio, -1.0, 1.0), io.BytesIO()
    if codec == "opus" and rate not in (8000, 12000, 16000, 24000, 48000):
        raise ValueError(f"Opus knows no rate of {rate} Hz")
    level = worst * (1.0 - quality)
    channels = audio.shape[0]
    with sf.SoundFile(stream, "w", rate, channels, subtype, format=container, compression_level=level) as file:
        file.write(clipped.T)
    stream.seek(0)
    decoded, _ = sf.read(stream, dtype="float32", always_2d=True)
    return _fitted(np.ascontiguousarray(decoded.T), audio.shape[1])


def widen(audio: Audio, width: float) -> Audio:
    """Stereo width: the side signal times `width`; 0.0 is mono. Mono audio stays as it is."""
    if audio.shape[0] != 2:
        return audio
    middle, side = (audio[0] + audio[1]) / 2, (audio[0] - audio[1]) / 2 * np.float32(width)
    return np.stack([middle + side, middle - side])


def fade(audio: Audio, rate: int, fade_in: float, fade_out: float) -> Audio:
    """Fade in and out over so many seconds."""
    gain = np.ones(audio.shape[1], np.float32)
    first, last = (min(round(seconds * rate), audio.shape[1]) for seconds in (fade_in, fade_out))
    gain[:first] *= np.linspace(0.0, 1.0, first, dtype=np.float32) ** 2
    gain[audio.shape[1] - last :] *= np.linspace(1.0, 0.0, last, dtype=np.float32) ** 2
    return audio * gain


def bus_gain(
    mix: Audio, rate: int, threshold_db: float, ratio: float, attack: float = 0.01, release: float = 0.15
) -> NDArray[np.float32]:
    """The gain of a compressor on the whole mix, `(samples,)`, to be applied to each stem.

    Args:
        mix: `(channels, samples)`.
        rate: Hz.
        threshold_db: Against the root mean square of `mix`.
        ratio: Decibels in for each decibel out, above the threshold.
        attack, release: Seconds.
    """
    hop = max(round(0.002 * rate), 1)
    blocks = -(-mix.shape[1] // hop)
    padded = np.pad(mix, ((0, 0), (0, blocks * hop - mix.shape[1])))
    power = (padded.reshape(mix.shape[0], blocks, hop) ** 2).mean(axis=(0, 2))
    over = np.maximum(10.0 * np.log10(power + 1e-12) - 20.0 * np.log10(_level(mix)) - threshold_db, 0.0)
    return _smooth_gain(over * (1.0 / ratio - 1.0), hop, mix.shape[1], rate, attack, release)


def limiter_gain(mix: Audio, rate: int, ceiling: float, release: float = 0.08) -> NDArray[np.float32]:
    """The gain of a limiter on the whole mix, `(samples,)`: no sample of `mix * gain` is above `ceiling`."""
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    needed = np.minimum(1.0, ceiling / np.maximum(np.abs(mix).max(axis=0), 1e-9))
    span = max(round(0.002 * rate), 1)
    # Looks ahead: the least gain around each sample, then smoothed over no more than the same span.
    held = minimum_filter1d(needed, 2 * span + 1)
    hop, decibels = span, 20.0 * np.log10(held)
    blocks = -(-len(held) // hop)
    least = np.pad(decibels, (0, blocks * hop - len(held))).reshape(blocks, hop).min(axis=1)
    slow = _smooth_gain(least, hop, len(held), rate, 0.0, release)
    return np.asarray(np.minimum(uniform_filter1d(held, span), slow), np.float32)


def _smooth_gain(
    decibels: NDArray[np.float64], hop: int, samples: int, rate: int, attack: float, release: float
) -> NDArray[np.float32]:
    """Gain in dB of each block to a smooth gain of each sample: falls with `attack`, rises with `release`."""
    fall = np.exp(-hop / rate / attack) if attack > 0.0 else 0.0
    rise = np.exp(-hop / rate / release)
    smooth, now = np.empty(len(decibels)), 0.0
    for i, target in enumerate(decibels):
        share = fall if target < now else rise
        now = share * now + (1.0 - share) * target
        smooth[i] = now
    centers = (np.arange(len(decibels)) + 0.5) * hop
    return np.asarray(10.0 ** (np.interp(np.arange(samples), centers, smooth) / 20.0), np.float32)


def _convolved(audio: Audio, response: NDArray[np.float64], wet_db: float) -> Audio:
    from scipy.signal import fftconvolve

    wet = fftconvolve(audio.astype(np.float64), response, axes=1)[:, : audio.shape[1]]
    return np.asarray(audio + 10.0 ** (wet_db / 20.0) * wet, np.float32)


def _processed(audio: Audio, rate: int, plugins: list[Any]) -> Audio:
    out = np.ascontiguousarray(audio, np.float32)
    for plugin in plugins:
        out = plugin(out, float(rate))
    return _fitted(out, audio.shape[1])


def _fitted(audio: Audio, samples: int) -> Audio:
    return np.pad(audio, ((0, 0), (0, max(samples - audio.shape[1], 0))))[:, :samples]


def _level(audio: Audio) -> float:
    """Root mean square; never 0."""
    return max(float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) if audio.size else 0.0, 1e-9)


def _at_level(audio: Audio, level: float) -> Audio:
    return audio * np.float32(level / _level(audio))


def _pedalboard() -> Any:
    try:
        import pedalboard
    except ImportError as error:
        raise RequestError(
            'pedalboard is missing, recorded songs need it: pip install "edge_export[training]"'
        ) from error
    return pedalboard
