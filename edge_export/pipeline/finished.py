"""Keeps complete bundles in the cache, so that an unchanged request needs no work."""

from __future__ import annotations

from pathlib import Path

from edge_export.bundle import perf as perf_file
from edge_export.bundle.carry_over import carry_over
from edge_export.bundle.folder import Bundle, read_bundle, staging
from edge_export.cache.store import Damaged, Entry, Store
from edge_export.errors import RequestError
from edge_export.files.hashing import file_sha256


def keep_bundle(store: Store, key: str, folder: Path) -> None:
    """Stores the bundle that is staged in `folder` under `key`."""
    store.put(key, {}, {path.name: path for path in folder.iterdir()})


def take_finished(store: Store, key: str, out: Path) -> tuple[Bundle, bool] | None:
    """Restores the bundle that is kept under `key` to `out`. None: the store does not hold all of it.

    Returns:
        The bundle, and whether `out` had to be written.
    """
    if (entry := store.get(key)) is None:
        return None
    try:
        if changed := not _is_there(entry, out):
            with staging(out) as staged:
                store.restore(entry, staged)
                carry_over(out, staged)
        return read_bundle(out), changed
    except (Damaged, RequestError):
        return None


def _is_there(entry: Entry, out: Path) -> bool:
    present = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} if out.is_dir() else set()
    if present - {perf_file.FILE_NAME} != entry.files.keys() or any(path.is_symlink() for path in out.rglob("*")):
        return False
    return all(file_sha256(out / name) == digest for name, digest in entry.files.items())
