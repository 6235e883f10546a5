"""Excerpts of recorded music as accompaniments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_export.data.corpus import Clip, Corpus, read_clip
from edge_export.data.sound_chains import Chain, treat_music

ATTEMPTS = 20
SILENT = 1e-3
"""Root mean square of an excerpt that is too soft to use, full scale 1."""

Audio = NDArray[np.float32]


def draw_accompaniment(
    rng: np.random.Generator, corpus: Corpus, chain: Chain | None, seconds: float, rate: int, channels: int
) -> Audio:
    """An excerpt of `seconds`, `(channels, samples)`: transposed by up to two semitones, then mixed anew by `chain`."""
    from scipy.signal import resample_poly

    samples = round(seconds * rate)
    for _ in range(ATTEMPTS):
        clip = _draw_clip(rng, corpus)
        steps = int(rng.integers(-24, 25)) if rng.random() < 0.5 else 0
        speed = 2.0 ** (steps / 12 / 12)
        spare = max(clip.seconds - seconds * speed, 0.0)
        audio = read_clip(clip, rate, channels, float(rng.uniform(0.0, spare)) if spare else 0.0, seconds * speed)
        if steps:
            audio = resample_poly(audio, 1000, round(1000 * speed), axis=1)
        audio = np.pad(audio, ((0, 0), (0, max(samples - audio.shape[1], 0))), "wrap")[:, :samples]
        if np.sqrt(np.mean(audio**2)) > SILENT:
            break
    music = audio.astype(np.float32)
    return music if chain is None else treat_music(rng, music, rate, chain)


def _draw_clip(rng: np.random.Generator, corpus: Corpus) -> Clip:
    """Long sources come more often, but not in proportion: a small one has its own style."""
    names = sorted(corpus.music)
    minutes = np.array([sum(clip.seconds for clip in corpus.music[name]) for name in names])
    weights = np.sqrt(minutes)
    clips = corpus.music[names[rng.choice(len(names), p=weights / weights.sum())]]
    lengths = np.array([clip.seconds for clip in clips])
    return clips[rng.choice(len(clips), p=lengths / lengths.sum())]
