"""Makes the excerpts that ship with the package.

    python -m edge_export.data.write_excerpts

Only recordings under Creative Commons or Expat licenses are used, so that the excerpts may be passed on. Needs what
training on recorded songs needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray

from edge_export.cache import cache_folder
from edge_export.data.corpus import open_corpus
from edge_export.data.excerpts import (
    CALIBRATION_COUNT,
    CALIBRATION_SECONDS,
    FOLDER,
    HELD_OUT_COUNT,
    HELD_OUT_SECONDS,
    SAMPLE_RATE,
)
from edge_export.data.musdb import find_tracks, read_source
from edge_export.data.music import builtin_songs
from edge_export.data.recorded_songs import RecordedBook, track_audio
from edge_export.data.songs import SongBook
from edge_export.data.sources import SOURCES

PASSED_ON = {
    "train": (
        "asterisk-core-sounds-en-g722",
        "asterisk-core-sounds-es-g722",
        "asterisk-core-sounds-fr-g722",
        "asterisk-core-sounds-it-g722",
        "hyperrogue-music",
        "fretsonfire-songs-sectoid",
    ),
    "test": ("asterisk-core-sounds-ru-g722", "asterisk-moh-opsound-g722", "singularity-music"),
}
"""Names of the sources whose licenses allow that."""
SEED = 1
START = 4.0
"""The start of an excerpt in seconds. It skips the first bars, which in some songs have no vocals."""
MAX_DIFFERENCE_DB = 6.0
"""Excerpts whose voice is further from the music's level than this are left out."""

Audio = NDArray[np.float32]
Pair = tuple[Audio, Audio]
"""A mixture and its vocals, `(samples,)`."""


def write_excerpts(packages: Path, rendered: Path, folder: Path = FOLDER) -> None:
    """Writes the excerpts into `folder`. The same packages and songs give the same excerpts.

    Args:
        packages: The folder of the fetched packages.
        rendered: The folder of the built-in songs.
        folder: Where the files go.

    Raises:
        RequestError: As `open_corpus` and `find_tracks`.
    """
    held_out = list(islice(recorded_excerpts("test", packages, HELD_OUT_SECONDS), HELD_OUT_COUNT))
    recorded = [
        mixture
        for mixture, _ in islice(recorded_excerpts("train", packages, CALIBRATION_SECONDS), CALIBRATION_COUNT // 2)
    ]
    samples = CALIBRATION_SECONDS * SAMPLE_RATE
    tracks = find_tracks(rendered, "train")[: CALIBRATION_COUNT // 2]
    built_in = [read_source(track, "mixture", SAMPLE_RATE, 1, START, samples)[0] for track in tracks]
    folder.mkdir(exist_ok=True)
    _write(folder / "held_out.flac", [mixture for mixture, _ in held_out])
    _write(folder / "held_out_vocals.flac", [vocals for _, vocals in held_out])
    _write(folder / "calibration.flac", [each for pair in zip(built_in, recorded, strict=True) for each in pair])


def recorded_excerpts(split: str, packages: Path, seconds: int) -> Iterator[Pair]:
    """Yields excerpts of new recorded songs of a split, without end."""
    corpus = open_corpus(split, packages, tuple(source for source in SOURCES if source.name in PASSED_ON[split]))
    book, index, here = RecordedBook(), 0, slice(round(START * SAMPLE_RATE), round((START + seconds) * SAMPLE_RATE))
    while True:
        stems = track_audio(np.random.default_rng([SEED, index, len(split)]), corpus, book, split)
        vocals, mixture = stems["vocals"][0, here], np.sum(list(stems.values()), axis=0)[0, here]
        powers = [float(np.square(audio).mean()) + 1e-12 for audio in (vocals, mixture - vocals)]
        if abs(10 * np.log10(powers[0] / powers[1])) < MAX_DIFFERENCE_DB:
            yield mixture, vocals
        index += 1


def _write(path: Path, parts: Sequence[Audio]) -> None:
    sf.write(path, np.concatenate(parts), SAMPLE_RATE, subtype="PCM_16")


if __name__ == "__main__":
    write_excerpts(cache_folder() / "recorded", builtin_songs(SongBook()))
