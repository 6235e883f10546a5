"""Atomic writing of files and folders: they appear completely or not at all, with the modes of the umask.

`tempfile` creates private files and folders (0600, 0700), and a rename keeps these modes, so other users could not read
the results. The functions here use `open` and `mkdir`, so that the kernel applies the umask.
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
"""The maximum length of a name's part in the name of its temporary file, which must not get too long."""


def write_atomically(path: Path, content: bytes) -> None:
    """Writes `content` to a temporary file and renames it to `path`. A crash or a full disk leaves no partial file.

    Raises RequestError if the folder cannot be written.
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
    """Opens a new file for writing. It replaces `path` if the block succeeds; otherwise it is removed.

    Raises:
        OSError: The folder of `path` is missing or cannot be written, or the disk is full.
    """
    with staged_file(path.parent, f".{path.name[:_SHOWN]}.") as file:
        yield file
        file.close()  # flushes the buffer: a full disk must raise before the rename
        Path(file.name).replace(path)


@contextlib.contextmanager
def staged_file(folder: Path, prefix: str = "") -> Iterator[BinaryIO]:
    """Opens a new file in `folder` for writing, with its path as `file.name`. Removes it unless it was renamed."""
    path = _unused(folder, prefix, ".tmp")
    with path.open("xb") as file:
        try:
            yield file
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path, prefix: str | None = None) -> Iterator[Path]:
    """Creates a temporary folder that replaces `path` if the block succeeds; otherwise it is removed.

    Args:
        path: The final path; its parent must exist. An existing folder is replaced in one step.
        prefix: The start of the temporary name; None: a dot and the name of `path`.

    Raises:
        OSError: The parent cannot be written.
    """
    staged = new_folder(path.parent, f".{path.name[:_SHOWN]}." if prefix is None else prefix, ".part")
    try:
        yield staged
        put_in_place(staged, path)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def new_folder(parent: Path, prefix: str, suffix: str = "") -> Path:
    """Creates an empty folder `prefix…suffix` in `parent`, like `tempfile.mkdtemp` but with the mode of the umask."""
    folder = _unused(parent, prefix, suffix)
    folder.mkdir()
    return folder


def _unused(folder: Path, prefix: str, suffix: str) -> Path:
    return folder / f"{prefix}{secrets.token_hex(8)}{suffix}"
