"""Folders that belong to a running process: what a killed one leaves behind is found and removed by the next."""

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
"""What names of scratch folders begin with. Anything of that name that nobody owns is removed: own it."""


def scratch_folder() -> AbstractContextManager[Path]:
    """An owned folder among the system's temporary files."""
    return owned_folder(Path(tempfile.gettempdir()), SCRATCH)


@contextmanager
def owned_folder(parent: Path, prefix: str, suffix: str = "", *, private: bool = True) -> Iterator[Path]:
    """A new folder in `parent`, locked for as long as this process lives in the block; removed at its end.

    First removes those of the same prefix and suffix whose owners are dead. The lock is the kernel's: it ends with the
    process, however that ends.

    Args:
        private: Whether nobody else may look into it. Of one that is renamed and kept, the umask decides.
    """
    remove_abandoned(parent, prefix, suffix)
    while True:
        if private:
            folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=parent))
        else:
            folder = new_folder(parent, prefix, suffix)
        lock = _lock(folder)
        if lock is not None and folder.exists():  # else another process took it for abandoned before it was locked
            break
        if lock is not None:
            os.close(lock)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def remove_abandoned(parent: Path, prefix: str, suffix: str = "") -> None:
    """Remove the folders `prefix…suffix` in `parent` that no living process owns."""
    for folder in parent.glob(f"{prefix}*{suffix}"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None when somebody else holds it, or the folder is gone."""
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
