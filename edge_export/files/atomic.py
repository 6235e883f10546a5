"""Files and folders that appear whole or not at all, with the modes that the umask gives.

`tempfile` makes everything private (0600, 0700), and a rename keeps that: others could not read what a user gives them.
Here `open` and `mkdir` make what is kept, so that the kernel applies the umask.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from edge_export.errors import RequestError, one_line
from edge_export.files.exchange import put_in_place

_SHOWN = 40
"""How much of a name stands in the name of what is written beside it: the whole must not be too long."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, then rename: neither a crash nor a full disk leaves half a file.

    Raises RequestError where the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RequestError(f"cannot write {path}: {one_line(error)}; choose another place") from error


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A new file, open for writing, that takes the place of `path` when the block ends well, and else vanishes.

    Raises:
        OSError: The folder of `path` is missing or can't be written, or the disk is full.
    """
    with staged_file(path.parent, f".{path.name[:_SHOWN]}.") as file:
        yield file
        file.close()  # writes what is left: a full disk must show before the rename
        Path(file.name).replace(path)


@contextlib.contextmanager
def staged_file(folder: Path, prefix: str = "") -> Iterator[BinaryIO]:
    """A new file in `folder`, open for writing and called `file.name`; removed at the end unless it was renamed."""
    path = _unused(folder, prefix, ".tmp")
    with path.open("xb") as file:
        try:
            yield file
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path, prefix: str | None = None) -> Iterator[Path]:
    """A new folder beside `path` that takes its place when the block ends well, and else vanishes.

    Args:
        path: What it becomes; its parent must exist. A folder that is there is replaced in one step.
        prefix: What its name begins with meanwhile; a dot and the name of `path` when None.

    Raises:
        OSError: The parent can't be written.
    """
    staged = new_folder(path.parent, f".{path.name[:_SHOWN]}." if prefix is None else prefix, ".part")
    try:
        yield staged
        put_in_place(staged, path)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def new_folder(parent: Path, prefix: str, suffix: str = "") -> Path:
    """A new empty folder `prefix…suffix` in `parent`: `tempfile.mkdtemp` with the mode that the umask gives."""
    folder = _unused(parent, prefix, suffix)
    folder.mkdir()
    return folder


def _unused(folder: Path, prefix: str, suffix: str) -> Path:
    return folder / f"{prefix}{secrets.token_hex(8)}{suffix}"
