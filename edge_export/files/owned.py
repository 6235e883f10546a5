"""Folders that belong to a running process. The next process removes the folders of killed ones."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from edge_export.files.atomic import new_folder

SCRATCH = "edge_export-"
"""The start of the names of scratch folders. Any folder of such a name without an owner is removed."""


def scratch_folder() -> AbstractContextManager[Path]:
    """Creates an owned folder in the system's folder for temporary files."""
    return owned_folder(Path(tempfile.gettempdir()), SCRATCH)


@contextmanager
def owned_folder(parent: Path, prefix: str, suffix: str = "", *, private: bool = True) -> Iterator[Path]:
    """Creates a folder in `parent` that is locked during the block and removed at its end.

    First removes folders of the same prefix and suffix whose owners are dead. The kernel holds the lock and releases it
    when the process ends for any reason.

    Args:
        parent: The parent of the folder.
        prefix, suffix: The start and the end of its name.
        private: Whether only this user can read it. Use False, the mode of the umask, for a folder that is renamed and
            kept.
    """
    remove_abandoned(parent, prefix, suffix)
    while True:
        if private:
            folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=parent))
        else:
            folder = new_folder(parent, prefix, suffix)
        lock = _lock(folder)
        if lock is not None and folder.exists():  # else another process removed it before it was locked
            break
        if lock is not None:
            os.close(lock)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned(parent: Path, prefix: str, suffix: str = "") -> None:
    """Removes the folders `prefix…suffix` in `parent` that no running process owns."""
    for folder in parent.glob(f"{prefix}*{suffix}"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Returns a descriptor that holds the folder's lock; None: another process holds it, or the folder is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
