"""The data of separators: folders in MUSDB18-HQ's layout, or songs that are rendered once into the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge_export.cache import cache_folder
from edge_export.data.musdb import find_tracks
from edge_export.data.recorded_songs import RecordedBook, render_recorded_songs, split_name
from edge_export.data.songs import SongBook, render_songs
from edge_export.errors import RequestError


@dataclass(frozen=True)
class Music:
    """A folder in MUSDB18-HQ's layout, and the name of this kind of music in tables."""

    name: str
    folder: Path


def open_music(where: str = "builtin") -> tuple[Music, ...]:
    """Returns the music to train on, with tracks in `train` and in `test`.

    Args:
        where: A folder in MUSDB18-HQ's layout, "builtin" or "recorded", or several of them with commas between.
            "builtin" renders a few hundred songs by synthesizers into the cache folder (about 300 MB) unless they are
            there. "recorded" renders songs of recorded voices and music (about 9 GB with what is fetched for them).

    Raises:
        RequestError: The folder has no tracks or bad tracks, or `render_songs` or `render_recorded_songs` lacks a
            program or a package.
    """
    names = [where] if Path(where).is_dir() else where.split(",")
    music = tuple(_open(name.strip()) for name in names)
    if len({each.name for each in music}) < len(music):
        raise RequestError(f"data {where}: the same name stands there twice; name each folder once")
    for each in music:
        for part in ("train", "test"):
            find_tracks(each.folder, part)
    return music


def _open(where: str) -> Music:
    if where == "recorded":
        return Music(where, recorded_songs(RecordedBook()))
    if where == "builtin":
        return Music(where, builtin_songs(SongBook()))
    return Music(Path(where).name, Path(where))


def builtin_songs(book: SongBook) -> Path:
    """Renders `book` into the cache, with a progress bar on standard error, and returns the folder."""
    name = f"{book.seed}-{book.train}-{book.test}-{book.sample_rate}-{book.channels}"
    folder = cache_folder() / "songs" / name
    with _progress("rendering songs") as report:
        render_songs(folder, book, on_progress=report)
    return folder


def recorded_songs(book: RecordedBook) -> Path:
    """Fetches recordings, renders `book` into the cache with a progress bar on standard error; returns the folder.

    The folder links to one folder for each split. A split is rendered anew only if its own sources or effects change.
    """
    packages = cache_folder() / "recorded"
    splits = {split: split_name(book, split) for split in book.counts}
    digest = hashlib.sha256("\n".join(splits.values()).encode()).hexdigest()[:8]
    folder = packages / "songs" / f"{book.seed}-{digest}"
    for split, name in splits.items():
        _link(folder / split, folder.parent / name)
    with _progress("fetching and rendering recorded songs") as report:
        render_recorded_songs(folder, packages, book, on_progress=report)
    return folder


def _link(link: Path, folder: Path) -> None:
    """Makes `folder`, and a link to it, unless they are there."""
    link.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
    with suppress(FileExistsError):
        link.symlink_to(Path("..") / folder.name, target_is_directory=True)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, as a callback that receives (done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        line = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(line, completed=done, total=of)
