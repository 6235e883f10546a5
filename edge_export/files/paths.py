"""Relative paths that others have written: checked here before anything is read or written by them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def checked_relative(name: str) -> PurePosixPath:
    """The path `name` of a file in a folder.

    Raises:
        ValueError: It is empty or absolute, has a part "..", or holds a NUL, which no file system takes.
    """
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError(f"{name!r} is no file of a folder")
    return path


def path_inside(root: Path, name: str) -> Path:
    """Where the file `name` of the folder `root` lies, whether it exists or not.

    Raises:
        ValueError: As `checked_relative` does, or a link leads out of `root`.
    """
    path = root / checked_relative(name)
    if not path.resolve().is_relative_to(root.resolve()):
        raise ValueError(f"{path} leads out of {root}")
    return path
