"""Put a finished folder in the place of another in one step, so that no reader ever sees half of either."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from pathlib import Path

OLD = ".old"
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # Linux, renameat2(2)
_RENAME_SWAP = 2  # macOS, renamex_np(2)


def put_in_place(staged: Path, final: Path) -> None:
    """Rename `staged` to `final`; what was there, if anything, is replaced in one step and then deleted."""
    if not final.exists():
        staged.rename(final)
        return
    if exchange(staged, final):
        shutil.rmtree(staged)
        return
    # No exchange in this file system: two renames, with the old folder kept until the new one stands.
    old = staged.with_name(staged.name + OLD)
    final.rename(old)
    try:
        staged.rename(final)
    except OSError:
        old.rename(final)
        raise
    shutil.rmtree(old)


def put_back(final: Path, prefix: str) -> None:
    """Put back, or delete, what a killed process had renamed on its way to replacing `final`."""
    for old in final.parent.glob(f"{prefix}*{OLD}"):
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(final)


def exchange(one: Path, other: Path) -> bool:
    """Swap two paths in one step of the file system; False where the system can't."""
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        arguments = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
        return bool(libc.renameat2(*arguments) == 0)
    if sys.platform == "darwin":
        return bool(libc.renamex_np(os.fsencode(one), os.fsencode(other), _RENAME_SWAP) == 0)
    return False
