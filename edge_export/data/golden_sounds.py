"""Writes goldens as wav files for people to listen to: 16 bit, at the stream's sample rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_export.files.arrays import Array
from edge_export.spec.tensors import IOSpec


def write_goldens(folder: Path, prefix: str, sounds: Array, io: IOSpec) -> list[Path]:
    """Writes `PREFIX-1.wav` and so on, or `PREFIX-1-STEM.wav`, and returns the paths.

    Args:
        folder: The folder of the files.
        prefix: The start of their names.
        sounds: Recordings `(count, channels, samples)`, or stems `(count, stems, channels, samples)`.
        io: Inputs and outputs with a stream.
    """
    assert io.stream is not None
    rate, stems = io.stream.sample_rate, io.stream.stems
    if sounds.ndim == 3:
        return [_write(folder / f"{prefix}-{i}.wav", audio, rate) for i, audio in enumerate(sounds, 1)]
    return [
        _write(folder / f"{prefix}-{i}-{name}.wav", audio, rate)
        for i, each in enumerate(sounds, 1)
        for name, audio in zip(stems, each, strict=True)
    ]


def _write(path: Path, audio: Array, sample_rate: int) -> Path:
    import soundfile

    soundfile.write(path, np.clip(audio.T, -1.0, 1.0), sample_rate, subtype="PCM_16")
    return path
