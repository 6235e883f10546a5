"""Vocal tracks out of recorded speech: sung, doubled, in choirs, rapped and spoken."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_export.data.corpus import Clip, Corpus, read_clip, trimmed
from edge_export.data.key import Key
from edge_export.data.melody import MelodyNote, draw_expression, draw_melody, harmony, moved
from edge_export.data.sound_chains import Chain, treat_voice
from edge_export.data.world_singing import Voice, analyze, breath, draw_timbre, find_syllables, resynthesize, sing

SUNG, RAPPED = 0.82, 0.94
"""Shares of tracks: below the first sung, below the second rapped, else spoken."""
SPEECH_SECONDS = 9.0
"""How much of a speaker is taken apart for a track."""
MIN_SYLLABLES = 8
ATTEMPTS = 12
SILENT = 1e-3
"""Root mean square of a voice that is not there; those that sound have 0.02 to 0.1."""
LOWEST, HIGHEST = 38.0, 83.0
"""MIDI pitches that anybody sings."""

Audio = NDArray[np.float32]
Mono = NDArray[np.float64]


def draw_vocals(
    rng: np.random.Generator,
    corpus: Corpus,
    chain: Chain | None,
    key: Key,
    seconds: float,
    rate: int,
    channels: int,
    sung: bool = True,
) -> Audio:
    """A vocal track of `seconds`, `(channels, samples)`, treated as in a mix.

    Args:
        rng: Decides everything.
        corpus: Whose speakers sing.
        chain: Effects; None: none.
        key: Of the accompaniment; one melody in seven has a key of its own.
        seconds: The track's length. The voice may come in late or leave a passage to the accompaniment.
        rate: Hz.
        channels: 1 or 2.
        sung: Whether most voices sing and some rap; otherwise all speak.
    """
    for _ in range(ATTEMPTS):
        out = _drawn_voice(rng, corpus, key, seconds, rate, channels, sung)
        if np.sqrt(np.mean(out**2)) > SILENT:
            break
    voice = out.astype(np.float32)
    return voice if chain is None else treat_voice(rng, voice, rate, chain)


def _drawn_voice(
    rng: np.random.Generator, corpus: Corpus, key: Key, seconds: float, rate: int, channels: int, sung: bool
) -> Mono:
    """Voices without effects, `(channels, samples)`."""
    style = rng.random() if sung else 1.0
    if style < SUNG:
        voices = _sung(rng, corpus, key, seconds, rate)
    elif style < RAPPED:
        voices = [_rapped(rng, corpus, seconds, rate)]
    else:
        voices = [_spoken(rng, corpus, seconds, rate)]
    out: Mono = np.zeros((channels, round(seconds * rate)))
    for number, voice in enumerate(voices):
        # The lead is in the middle, the others around it.
        pan = 0.0 if number == 0 else float(rng.uniform(-0.8, 0.8))
        gain = 1.0 if number == 0 else float(rng.uniform(0.25, 0.8))
        sides = np.array([1.0]) if channels == 1 else np.sqrt([1.0 - pan, 1.0 + pan])
        out += gain * sides[:, None] * voice
    return _with_gap(rng, out, rate)


def _sung(rng: np.random.Generator, corpus: Corpus, key: Key, seconds: float, rate: int) -> list[Mono]:
    if rng.random() < 1 / 7:
        key = Key(int(rng.integers(12)), key.scale, float(rng.uniform(-0.5, 0.5)))
    lead = _draw_singer(rng, corpus, rate)
    middle = 69.0 + 12.0 * np.log2(lead.median_hertz / 440.0) + float(rng.uniform(-3, 8))
    lowest = float(np.clip(middle - rng.uniform(5, 9), LOWEST, HIGHEST - 14))
    notes = draw_melody(rng, seconds, key, lowest, lowest + float(rng.uniform(12, 19)))
    voices = [_line(rng, lead, notes, seconds)]
    if rng.random() < 0.5:
        voices[0] += _breaths(rng, notes, len(voices[0]), rate)
    company = rng.random()
    if company < 0.18:  # Doubled by the same singer.
        voices += [_line(rng, lead, moved(notes, rng, 0.02), seconds) for _ in range(int(rng.integers(1, 3)))]
    elif company < 0.36:  # A choir: thirds, fourths, sixths and octaves, by this and another speaker.
        other = _draw_singer(rng, corpus, rate)
        for _ in range(int(rng.integers(1, 4))):
            part = harmony(moved(notes, rng, 0.03), key, int(rng.choice([-7, -5, -2, 2, 3, 5, 7])))
            part = [n for n in part if LOWEST - 3 <= n.pitch <= HIGHEST + 3]
            voices.append(_line(rng, other if rng.random() < 0.6 else lead, part, seconds))
    return voices


def _line(rng: np.random.Generator, voice: Voice, notes: list[MelodyNote], seconds: float) -> Mono:
    first, seed = int(rng.integers(len(find_syllables(voice)))), int(rng.integers(2**31))
    return _levelled(sing(voice, notes, draw_expression(rng), draw_timbre(rng), seconds, seed, first))


def _rapped(rng: np.random.Generator, corpus: Corpus, seconds: float, rate: int) -> Mono:
    """Speech at its own pitch, a phrase to each bar, with another timbre."""
    bar, timbre = float(rng.uniform(1.6, 3.2)), draw_timbre(rng)
    transpose = float(rng.uniform(-2, 3))
    source = _draw_speaker(rng, corpus)
    out, at = np.zeros(round(seconds * rate)), float(rng.uniform(0, bar))
    while at < seconds - 0.5:
        phrase = _levelled(resynthesize(analyze(_speech(rng, source, rate, bar), rate), timbre, transpose))
        first = round(at * rate)
        phrase = phrase[: len(out) - first]
        out[first : first + len(phrase)] += phrase
        at += bar * max(1, int(np.ceil(len(phrase) / rate / bar)))
    return out


def _spoken(rng: np.random.Generator, corpus: Corpus, seconds: float, rate: int) -> Mono:
    """Speech as it is, with pauses."""
    source = _draw_speaker(rng, corpus)
    out, at = np.zeros(round(seconds * rate)), float(rng.uniform(0, 2))
    while at < seconds - 0.5:
        phrase = _levelled(_speech(rng, source, rate, 2.0))
        first = round(at * rate)
        phrase = phrase[: len(out) - first]
        out[first : first + len(phrase)] += phrase
        at += len(phrase) / rate + float(rng.exponential(0.8))
    return out


def _draw_speaker(rng: np.random.Generator, corpus: Corpus) -> tuple[Clip, ...]:
    names = sorted(corpus.speech)
    weights = np.sqrt([sum(clip.seconds for clip in corpus.speech[name]) for name in names])
    return corpus.speech[names[rng.choice(len(names), p=weights / weights.sum())]]


def _draw_singer(rng: np.random.Generator, corpus: Corpus, rate: int) -> Voice:
    """A speaker, taken apart, with enough syllables to sing."""
    for _ in range(ATTEMPTS):
        clips = _draw_speaker(rng, corpus)
        voice = analyze(_speech(rng, clips, rate, SPEECH_SECONDS), rate)
        if voice.median_hertz > 0.0 and len(find_syllables(voice)) >= MIN_SYLLABLES:
            return voice
    raise RuntimeError(f"{ATTEMPTS} drawn speakers have fewer than {MIN_SYLLABLES} syllables each")


def _speech(rng: np.random.Generator, clips: tuple[Clip, ...], rate: int, seconds: float) -> Mono:
    """Neighboring recordings of a speaker, about `seconds` in all, each at the same level, `(samples,)`."""
    parts: list[Mono] = []
    number, total = int(rng.integers(len(clips))), 0
    while total < seconds * rate and len(parts) < 40:
        clip = clips[number % len(clips)]
        start = float(rng.uniform(0.0, clip.seconds - 12.0)) if clip.seconds > 12.0 else 0.0
        part = _levelled(trimmed(read_clip(clip, rate, 1, start, 12.0)[0], rate))
        parts.append(part)
        total += len(part)
        number += 1
    speech = np.concatenate(parts)[: round(1.5 * seconds * rate)]
    return np.pad(speech, (0, max(rate // 2 - len(speech), 0)))


def _breaths(rng: np.random.Generator, notes: list[MelodyNote], samples: int, rate: int) -> Mono:
    out, level = np.zeros(samples), float(rng.uniform(0.05, 0.5))
    for note in notes:
        seconds = float(rng.uniform(0.15, 0.4))
        first = round((note.start - seconds - 0.08) * rate)
        if note.begins_phrase and first >= 0:
            noise = level * breath(rng, seconds, rate)
            out[first : first + len(noise)] += noise[: samples - first]
    return out


def _with_gap(rng: np.random.Generator, audio: Mono, rate: int) -> Mono:
    """One track in four has a passage without voice of up to a third of the track, with soft edges."""
    if rng.random() > 0.25:
        return audio
    length = round(float(rng.uniform(0.12, 0.33)) * audio.shape[1])
    start = int(rng.integers(0, max(audio.shape[1] - length, 1)))
    ramp = round(0.02 * rate)
    gain = np.ones(audio.shape[1])
    gain[start : start + length] = 0.0
    return audio * np.convolve(np.pad(gain, ramp, "edge"), np.hanning(2 * ramp + 1) / ramp, "valid")


def _levelled(audio: Mono) -> Mono:
    """Root mean square 0.1 over what is not silent."""
    if not len(audio):
        return audio
    loud = audio[np.abs(audio) > 0.05 * np.abs(audio).max()]
    return audio * (0.1 / max(float(np.sqrt(np.mean(loud**2))), 1e-6)) if len(loud) else audio
