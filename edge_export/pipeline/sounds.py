"""Goldens as wav files, for people: 16 bit, at the stream's rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_export.files.arrays import Array
from edge_export.spec.tensors import Stream


def write_mixtures(folder: Path, recordings: Array, stream: Stream) -> list[Path]:
    """`mixture-1.wav` and so on from `(count, channels, samples)`."""
    return [_write(folder / f"mixture-{i}.wav", audio, stream) for i, audio in enumerate(recordings, 1)]


def write_stems(folder: Path, member: str, stems: Array, stream: Stream) -> list[Path]:
    """`MEMBER-1-STEM.wav` and so on from `(count, stems, channels, samples)`."""
    return [
        _write(folder / f"{member}-{i}-{name}.wav", audio, stream)
        for i, each in enumerate(stems, 1)
        for name, audio in zip(stream.stems, each, strict=True)
    ]


def _write(path: Path, audio: Array, stream: Stream) -> Path:
    import soundfile

    soundfile.write(path, np.clip(audio.T, -1.0, 1.0), stream.sample_rate, subtype="PCM_16")
    return path
