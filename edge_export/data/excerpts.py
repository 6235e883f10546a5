"""Excerpts of the built-in songs. They ship with the package, to calibrate and verify a separator on any machine.

`songs.py` renders them, so they contain no third-party recordings. `held_out.flac` and `held_out_vocals.flac` hold test
songs one after the other, `calibration.flac` holds training songs. All are 16 kHz mono.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
from torch import Tensor

from edge_export.data.musdb import Track, find_tracks, read_source
from edge_export.mothers.protocol import Recordings

FOLDER = Path(__file__).parent / "excerpts"
SAMPLE_RATE = 16000
HELD_OUT_SECONDS, CALIBRATION_SECONDS = 10, 3
HELD_OUT_COUNT, CALIBRATION_COUNT = 8, 16
GOLDENS = 2
"""The number of held-out songs on which all stages before the artifacts are compared."""
START = 4.0
"""The start of an excerpt in seconds. It skips the first bars, which in some songs have no vocals."""


@dataclass(frozen=True)
class Excerpts:
    """Rendered music at 16 kHz, in -1..1.

    Attributes:
        calibration: Mixtures of training songs, `(16, 1, 3 s)`.
        mixtures: Mixtures of held-out songs, `(8, 1, 10 s)`.
        vocals: The vocals of the held-out songs, of the same shape.
    """

    calibration: Tensor
    mixtures: Tensor
    vocals: Tensor


def open_excerpts() -> Excerpts:
    """Reads the excerpts that ship with the package."""
    return Excerpts(
        calibration=_read("calibration", CALIBRATION_COUNT),
        mixtures=_read("held_out", HELD_OUT_COUNT),
        vocals=_read("held_out_vocals", HELD_OUT_COUNT),
    )


def recordings() -> Recordings:
    """Returns the excerpts as recordings. The targets are `(8, vocals and accompaniment, 1, 10 s)`."""
    excerpts = open_excerpts()
    return Recordings(
        batches=[(excerpts.calibration,)],
        goldens=(excerpts.mixtures[:GOLDENS],),
        held_out=(excerpts.mixtures,),
        targets=torch.stack([excerpts.vocals, excerpts.mixtures - excerpts.vocals], dim=1),
        metric="si_sdr",
    )


def write_excerpts(songs: Path, folder: Path = FOLDER) -> None:
    """Writes the excerpts of rendered songs. The same songs give the same excerpts.

    Raises RequestError like `find_tracks`.
    """
    folder.mkdir(exist_ok=True)
    held_out = find_tracks(songs, "test")[:HELD_OUT_COUNT]
    _write(folder / "held_out.flac", held_out, "mixture", HELD_OUT_SECONDS)
    _write(folder / "held_out_vocals.flac", held_out, "vocals", HELD_OUT_SECONDS)
    _write(folder / "calibration.flac", find_tracks(songs, "train")[:CALIBRATION_COUNT], "mixture", CALIBRATION_SECONDS)


def _write(path: Path, tracks: list[Track], name: str, seconds: int) -> None:
    parts = [read_source(track, name, SAMPLE_RATE, 1, START, seconds * SAMPLE_RATE)[0] for track in tracks]
    sf.write(path, np.concatenate(parts), SAMPLE_RATE, subtype="PCM_16")


def _read(name: str, count: int) -> Tensor:
    audio, rate = sf.read(FOLDER / f"{name}.flac", dtype="float32")
    assert rate == SAMPLE_RATE
    return torch.from_numpy(audio).view(count, 1, -1)
