"""Copies the contents of files only: a copy is a new file and has the mode of the umask, not that of its source."""

from __future__ import annotations

import shutil
from pathlib import Path


def copy_contents(source: Path, target: Path) -> Path:
    """Copies a file, or a folder with its contents, to `target`. Links are followed. `target` must not be a folder.

    Raises:
        OSError: A file cannot be read or written, or `target` is a folder.
    """
    if not source.is_dir():
        return Path(shutil.copyfile(source, target))
    target.mkdir()
    for each in source.iterdir():
        copy_contents(each, target / each.name)
    return target
