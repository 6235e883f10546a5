"""Checks relative paths from outside before a file is read or written by them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def checked_relative(name: str) -> PurePosixPath:
    """Returns the path `name` of a file in a folder.

    Raises:
        ValueError: The path is empty or absolute, has a part "..", or holds a NUL, which no file system supports.
    """
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError(f"{name!r} is not a path inside of a folder")
    return path


def path_inside(root: Path, name: str) -> Path:
    """Returns the path of the file `name` in the folder `root`. The file need not exist.

    Raises:
        ValueError: `checked_relative` fails, or a link leads out of `root`.
    """
    path = root / checked_relative(name)
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{path} leads out of {root}")
    return path
