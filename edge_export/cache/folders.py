"""The folders for files that can be created again."""

from __future__ import annotations

import os
from pathlib import Path

from edge_export.errors import RequestError, one_line


def cache_folder() -> Path:
    """Returns `$EDGE_EXPORT_CACHE`, else `edge_export` in the user's cache folder.

    The user's cache folder is `~/.cache`, on macOS `~/Library/Caches`.
    """
    if chosen := os.environ.get("EDGE_EXPORT_CACHE"):
        return Path(chosen)
    from platformdirs import user_cache_path  # the isolated environments lack it

    return user_cache_path("edge_export", appauthor=False)


def log_folder(name: str) -> Path:
    """Returns the folder for the logs of `name` and creates it if it does not exist.

    Raises:
        RequestError: The cache folder cannot be written.
    """
    folder = cache_folder() / "logs" / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(
            f"the cache folder {cache_folder()} can't be written ({one_line(error.strerror)}): set EDGE_EXPORT_CACHE"
        ) from error
    return folder
