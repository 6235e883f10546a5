"""A few short songs for small separators: rendered once by the package's own synthesizers, the same for all seeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from edge_export.data.musdb import Track, find_tracks, read_source
from edge_export.data.music import Music
from edge_export.data.songs import SongBook, render_songs, track_name
from edge_export.files.arrays import Array

BOOK = SongBook(train=24, test=12, seconds=(8.0, 8.0), sample_rate=8000)
"""3.3 and 1.6 minutes, 23 MB. The songs of the two parts have other melodies."""


@dataclass(frozen=True)
class Songs:
    """The songs, at 8 kHz and mono.

    Attributes:
        music: Their folder, to train on.
        calibration: The mixtures of all training songs, cut to the shortest, `(songs, 1, samples)`.
        held_out: The mixture and the vocals of each held-out song, `(1, 1, samples)`.
    """

    music: Music
    calibration: Tensor
    held_out: tuple[tuple[Array, Array], ...]


@lru_cache(maxsize=1)
def open_songs(folder: Path) -> Songs:
    """Returns the songs below `folder`, and renders those that are missing. That takes a minute or two.

    Raises:
        RequestError: Songs are missing and fluidsynth or espeak-ng is, too.
    """
    wanted = [(part, track_name(part, i)) for part, n in (("train", BOOK.train), ("test", BOOK.test)) for i in range(n)]
    if not all((folder / part / name).is_dir() for part, name in wanted):
        render_songs(folder, BOOK)
    train, test = (find_tracks(folder, part) for part in ("train", "test"))
    mixtures = [_read(track, "mixture") for track in train]
    shortest = min(mixture.shape[-1] for mixture in mixtures)
    return Songs(
        Music("small songs", folder),
        torch.from_numpy(np.concatenate([mixture[..., :shortest] for mixture in mixtures])),
        tuple((_read(track, "mixture"), _read(track, "vocals")) for track in test),
    )


def _read(track: Track, name: str) -> Array:
    return read_source(track, name, BOOK.sample_rate, BOOK.channels)[None]
