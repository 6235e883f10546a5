"""Makes the excerpts that ship with the package.

    python -m edge_export.training.write_excerpts

Only recordings under Creative Commons or Expat licenses are used, so that the excerpts may be passed on. Needs what
training on recorded songs needs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile as sf
from numpy.typing import NDArray
from torch import Tensor

from edge_export.cache import cache_folder
from edge_export.data.corpus import Corpus, open_corpus
from edge_export.data.excerpts import (
    CALIBRATION_COUNT,
    CALIBRATION_SECONDS,
    FOLDER,
    HELD_OUT_COUNT,
    HELD_OUT_SECONDS,
    SAMPLE_RATE,
)
from edge_export.data.musdb import ACCOMPANIMENT, ChunkPlan, Track, draw_batch, find_tracks
from edge_export.data.music import builtin_songs, open_music
from edge_export.data.recorded_songs import RecordedBook, render_track, track_audio
from edge_export.data.songs import SongBook
from edge_export.data.sources import SOURCES
from edge_export.mothers.catalog import open_mother
from edge_export.training.representative import choose_representative

PASSED_ON = {
    "train": (
        "asterisk-core-sounds-en-g722",
        "asterisk-core-sounds-es-g722",
        "asterisk-core-sounds-fr-g722",
        "asterisk-core-sounds-it-g722",
        "0ad-data",
        "flare-game",
        "fretsonfire-songs-sectoid",
        "hyperrogue-music",
        "unknown-horizons",
    ),
    "test": ("asterisk-core-sounds-ru-g722", "asterisk-moh-opsound-g722", "singularity-music"),
}
"""Names of the sources whose licenses allow that."""
SEED = 1
RECORDED_SONGS, RENDERED_SONGS, EXAMPLES = 80, 20, 400
"""The training songs from which examples for the calibration are drawn, and their number. The best are chosen."""
MEMBERS = ("d1w1", "d1w4", "d2w2", "d4w1", "d4w4")
"""They decide which are the best."""
LOUDEST = 0.98
"""The peak to which louder examples are turned down."""
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
    folder.mkdir(exist_ok=True)
    _write(folder / "held_out.flac", [mixture for mixture, _ in held_out])
    _write(folder / "held_out_vocals.flac", [vocals for _, vocals in held_out])
    _write(folder / "calibration.flac", calibration_examples(packages, rendered))


def calibration_examples(packages: Path, rendered: Path) -> list[Audio]:
    """Returns mixtures `(samples,)`, drawn as training draws them, that calibrate as well as many of all songs do."""
    with tempfile.TemporaryDirectory() as scratch:
        corpus = _passed_on("train", packages)
        for index in range(RECORDED_SONGS):
            render_track(Path(scratch), corpus, RecordedBook(seed=SEED), "train", index)
        songs = find_tracks(Path(scratch), "train") + find_tracks(rendered, "train")[:RENDERED_SONGS]
        pool = _examples(songs, SEED)
    every = [track for music in open_music("builtin,recorded") for track in find_tracks(music.folder, "train")]
    mother = open_mother("separator")
    members = [mother.extract(mother.space.parse(name)) for name in MEMBERS]
    chosen = choose_representative(members, pool, _examples(every, SEED + 1), CALIBRATION_COUNT)
    return [pool[index, 0].numpy() for index in chosen]


def _examples(tracks: list[Track], seed: int) -> Tensor:
    """Draws mixtures `(EXAMPLES, 1, samples)`; louder ones than `LOUDEST` are turned down."""
    plan = ChunkPlan(("vocals", ACCOMPANIMENT), SAMPLE_RATE, 1, CALIBRATION_SECONDS * SAMPLE_RATE, EXAMPLES)
    mixtures, _ = draw_batch(tracks, plan, np.random.default_rng(seed))
    return mixtures / (mixtures.abs().amax(dim=-1, keepdim=True) / LOUDEST).clamp_min(1.0)


def recorded_excerpts(split: str, packages: Path, seconds: int) -> Iterator[Pair]:
    """Yields excerpts of new recorded songs of a split, without end."""
    corpus = _passed_on(split, packages)
    book, index, here = RecordedBook(), 0, slice(round(START * SAMPLE_RATE), round((START + seconds) * SAMPLE_RATE))
    while True:
        stems = track_audio(np.random.default_rng([SEED, index, len(split)]), corpus, book, split)
        vocals, mixture = stems["vocals"][0, here], np.sum(list(stems.values()), axis=0)[0, here]
        powers = [float(np.square(audio).mean()) + 1e-12 for audio in (vocals, mixture - vocals)]
        if abs(10 * np.log10(powers[0] / powers[1])) < MAX_DIFFERENCE_DB:
            yield mixture, vocals
        index += 1


def _passed_on(split: str, packages: Path) -> Corpus:
    return open_corpus(split, packages, tuple(source for source in SOURCES if source.name in PASSED_ON[split]))


def _write(path: Path, parts: Sequence[Audio]) -> None:
    sf.write(path, np.concatenate(parts), SAMPLE_RATE, subtype="PCM_16")


if __name__ == "__main__":
    write_excerpts(cache_folder() / "recorded", builtin_songs(SongBook()))
