"""Copies of contents alone: a copy is a new file, so it has the mode that the umask gives, whatever its source has."""

from __future__ import annotations

import shutil
from pathlib import Path


def copy_contents(source: Path, target: Path) -> Path:
    """Copy a file, or a folder with all that is in it, to `target`, which must not be a folder yet; links are followed.

    Raises:
        OSError: Something can't be read or written, or `target` is a folder.
    """
    if not source.is_dir():
        return Path(shutil.copyfile(source, target))
    target.mkdir()
    for each in source.iterdir():
        copy_contents(each, target / each.name)
    return target
