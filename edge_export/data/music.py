"""The data of separators: a folder in MUSDB18-HQ's layout, or the built-in songs, rendered once into the cache."""

from __future__ import annotations

from pathlib import Path

from edge_export.cache import cache_folder
from edge_export.data.musdb import find_tracks
from edge_export.data.songs import SongBook, render_songs


def open_music(where: str = "builtin") -> Path:
    """Returns the folder to train on, with tracks in `train` and in `test`.

    Args:
        where: A folder in MUSDB18-HQ's layout, or "builtin". "builtin" renders a few hundred songs into the cache
            folder (about 300 MB) unless they are there.

    Raises:
        RequestError: The folder has no tracks or bad tracks, or `render_songs` lacks a program.
    """
    folder = builtin_songs(SongBook()) if where == "builtin" else Path(where)
    for part in ("train", "test"):
        find_tracks(folder, part)
    return folder


def builtin_songs(book: SongBook) -> Path:
    """Renders `book` into the cache, with a progress bar on standard error, and returns the folder."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    name = f"{book.seed}-{book.train}-{book.test}-{book.sample_rate}-{book.channels}"
    folder = cache_folder() / "songs" / name
    columns = (TextColumn("rendering songs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        line = bar.add_task("rendering songs", total=None)
        render_songs(folder, book, on_progress=lambda done, of: bar.update(line, completed=done, total=of))
    return folder
