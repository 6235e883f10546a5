"""Which effects a split's voices and accompaniments go through, drawn from a random generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_export.data.effects import (
    Band,
    compress,
    equalize,
    low_rate_codec,
    plate,
    room,
    saturate,
    widen,
)

Audio = NDArray[np.float32]

SPACES: dict[str, Callable[..., Audio]] = {"room": room, "plate": plate}


@dataclass(frozen=True)
class Chain:
    """The effects of one split.

    Attributes:
        spaces: Keys of `SPACES`.
        t60: Shortest and longest reverberation in seconds.
        codecs: Of `effects.CODECS`.
        slap: Shortest and longest single echo in seconds.
        drive_db: Least and most saturation.
    """

    spaces: tuple[str, ...]
    t60: tuple[float, float]
    codecs: tuple[str, ...]
    slap: tuple[float, float]
    drive_db: tuple[float, float]


TRAINING = Chain(spaces=("room",), t60=(0.2, 1.6), codecs=("vorbis", "mp3"), slap=(0.08, 0.3), drive_db=(0.0, 9.0))
CHAINS = {
    "train": TRAINING,
    "validation": TRAINING,
    "test": Chain(spaces=("plate",), t60=(0.7, 2.6), codecs=("opus", "gsm"), slap=(0.32, 0.5), drive_db=(9.0, 14.0)),
}


def treat_voice(rng: np.random.Generator, audio: Audio, rate: int, chain: Chain) -> Audio:
    """A voice `(channels, samples)` as it is heard in a mix."""
    audio = equalize(audio, rate, (Band("high_pass", float(rng.uniform(50, 160))), *_bands(rng, 5.0)))
    if rng.random() < 0.8:
        attack, release = float(rng.uniform(0.002, 0.03)), float(rng.uniform(0.05, 0.3))
        audio = compress(audio, rate, float(rng.uniform(-14, 0)), float(rng.uniform(2, 8)), attack, release)
    if rng.random() < 0.15:
        audio = saturate(audio, rate, float(rng.uniform(*chain.drive_db)))
    if rng.random() < 0.12:
        audio = _coded(rng, audio, rate, chain)
    if rng.random() < 0.15:
        audio = _echoed(rng, audio, rate, chain)
    if rng.random() < 0.8:
        audio = _placed(rng, audio, rate, chain, (-22.0, -3.0))
    return widen(audio, float(rng.uniform(0.6, 1.4)))


def treat_music(rng: np.random.Generator, audio: Audio, rate: int, chain: Chain) -> Audio:
    """An accompaniment `(channels, samples)`; it was mixed by somebody already, so that less is done to it."""
    if rng.random() < 0.6:
        audio = equalize(audio, rate, _bands(rng, 4.0))
    if rng.random() < 0.3:
        audio = compress(audio, rate, float(rng.uniform(-10, 3)), float(rng.uniform(1.5, 5)))
    if rng.random() < 0.1:
        audio = saturate(audio, rate, float(rng.uniform(*chain.drive_db)))
    if rng.random() < 0.12:
        audio = _coded(rng, audio, rate, chain)
    if rng.random() < 0.12:
        audio = _placed(rng, audio, rate, chain, (-20.0, -6.0))
    return widen(audio, float(rng.uniform(0.6, 1.4)))


def _bands(rng: np.random.Generator, gain_db: float) -> tuple[Band, ...]:
    bands = [
        Band("low_shelf", float(rng.uniform(120, 400)), float(rng.uniform(-gain_db, gain_db))),
        Band("high_shelf", float(rng.uniform(2000, 6000)), float(rng.uniform(-gain_db, gain_db))),
    ]
    for _ in range(int(rng.integers(0, 3))):
        hertz = float(np.exp(rng.uniform(np.log(150), np.log(6000))))
        bands.append(Band("peak", hertz, float(rng.uniform(-gain_db, gain_db)), float(rng.uniform(0.5, 3.0))))
    return tuple(bands)


def _placed(rng: np.random.Generator, audio: Audio, rate: int, chain: Chain, wet_db: tuple[float, float]) -> Audio:
    space = SPACES[chain.spaces[rng.integers(len(chain.spaces))]]
    seed = int(rng.integers(2**31))
    return space(audio, rate, float(rng.uniform(*chain.t60)), float(rng.uniform(*wet_db)), seed)


def _echoed(rng: np.random.Generator, audio: Audio, rate: int, chain: Chain) -> Audio:
    delay, out = round(float(rng.uniform(*chain.slap)) * rate), audio.copy()
    level = float(rng.uniform(0.1, 0.45))
    for number in range(1, int(rng.integers(2, 5))):
        if number * delay < audio.shape[1]:
            out[:, number * delay :] += np.float32(level**number) * audio[:, : audio.shape[1] - number * delay]
    return out


def _coded(rng: np.random.Generator, audio: Audio, rate: int, chain: Chain) -> Audio:
    codec = chain.codecs[rng.integers(len(chain.codecs))]
    if codec == "opus" and rate == 44100:
        codec = "vorbis"  # Opus has no such rate.
    peak = np.float32(max(float(np.abs(audio).max()), 1e-9) / 0.7)
    return low_rate_codec(audio / peak, rate, codec, float(rng.uniform(0.0, 0.5))) * peak
