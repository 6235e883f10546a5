"""Replaces a folder by a finished one in one step, so that no reader sees a partial folder."""

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
    """Renames `staged` to `final`. An existing folder is replaced in one step and then deleted."""
    if not final.exists():
        staged.rename(final)
        return
    if exchange(staged, final):
        shutil.rmtree(staged)
        return
    # The file system cannot exchange: two renames, with the old folder kept until the new one is in place.
    old = staged.with_name(staged.name + OLD)
    final.rename(old)
    try:
        staged.rename(final)
    except OSError:
        old.rename(final)
        raise
    shutil.rmtree(old)


def put_back(final: Path, prefix: str) -> None:
    """Restores or deletes the old folder that a killed process renamed while it replaced `final`."""
    for old in final.parent.glob(f"{prefix}*{OLD}"):
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(final)


def exchange(one: Path, other: Path) -> bool:
    """Swaps two paths in one step of the file system. Returns False if the system cannot do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        arguments = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE)
        return bool(libc.renameat2(*arguments) == 0)
    if sys.platform == "darwin":
        return bool(libc.renamex_np(os.fsencode(one), os.fsencode(other), _RENAME_SWAP) == 0)
    return False
