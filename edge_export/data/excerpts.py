"""Excerpts of songs. They ship with the package, to calibrate and verify a separator on any machine.

`held_out.flac` and `held_out_vocals.flac` hold recorded songs of the test split one after the other: their speakers,
music and effects are in no training. `calibration.flac` holds training examples, of rendered and recorded songs. All
are 16 kHz mono. `SOURCES.md` beside them names authors and licenses; `training/write_excerpts.py` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import soundfile as sf
import torch
from torch import Tensor

from edge_export.mothers.protocol import Recordings

FOLDER = Path(__file__).parent / "excerpts"
SAMPLE_RATE = 16000
HELD_OUT_SECONDS, CALIBRATION_SECONDS = 10, 3
HELD_OUT_COUNT, CALIBRATION_COUNT = 8, 32
GOLDENS = 2
"""The number of held-out songs on which all stages before the artifacts are compared."""


@dataclass(frozen=True)
class Excerpts:
    """Music at 16 kHz, in -1..1.

    Attributes:
        calibration: Mixtures of training songs, `(32, 1, 3 s)`.
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


def _read(name: str, count: int) -> Tensor:
    audio, rate = sf.read(FOLDER / f"{name}.flac", dtype="float32")
    assert rate == SAMPLE_RATE
    return torch.from_numpy(audio).view(count, 1, -1)
