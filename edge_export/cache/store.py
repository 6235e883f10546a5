"""A content-addressed store: files by their SHA-256, and entries that list the files of a step.

    entries/ab/abcd….json    the SHA-256 of the next line, and {"record": {…}, "files": {"artifact.pte": SHA-256, …}}
    blobs/12/1234…           the content of one file

Everything is written to a temporary file and renamed, so that concurrent or killed builds do not affect each other. A
blob is hashed whenever it is read. A damaged blob is removed, and its step runs again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import staged_file
from edge_export.files.paths import checked_relative

_HEX = re.compile(r"[0-9a-f]{64}")
_CHUNK = 1 << 20


class Damaged(Exception):
    """A stored file is missing, or its content does not match its name."""


@dataclass(frozen=True)
class Entry:
    """The result of one step.

    Attributes:
        record: The record (JSON).
        files: The SHA-256 of each file by relative path. A folder, such as an `.mlpackage`, is several files.
    """

    record: dict[str, Any]
    files: dict[str, str]


class Store:
    """The store in `folder`, which is created if it does not exist. Raises RequestError if that fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for part in ("entries", "blobs", "tmp"):
                (folder / part).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(
                f"the cache {folder} can't be written ({one_line(error.strerror)}): give another --cache, or --no-cache"
            ) from error

    def get(self, key: str) -> Entry | None:
        """Returns the entry of `key`; None: there is no entry, or it is damaged."""
        path = self._entry(key)
        try:
            entry = _read(path)
            os.utime(path)  # pruning removes the entries that were not used for longest
            return entry
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            path.unlink(missing_ok=True)
            return None

    def put(self, key: str, record: Mapping[str, Any], files: Mapping[str, Path]) -> None:
        """Stores the result of a step: `record` (JSON), and each of `files`, a file or a folder, by its relative path.

        A full disk or a concurrent prune does not raise: a result that is not stored is computed again.
        """
        inner = {name: path for name, path in files.items() if path.is_file()}
        for name, path in files.items():
            inner |= {f"{name}/{p.relative_to(path).as_posix()}": p for p in sorted(path.rglob("*")) if p.is_file()}
        with suppress(OSError):
            kept = {name: self._keep(path) for name, path in inner.items()}
            content = json.dumps({"record": dict(record), "files": kept}, allow_nan=False).encode()
            with staged_file(self.folder / "tmp") as file:
                file.write(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
                _rename(file, self._entry(key))

    def restore(self, entry: Entry, folder: Path) -> None:
        """Copies the files of `entry` into `folder`.

        Raises:
            Damaged: A file in the store is missing or changed.
        """
        for name, digest in entry.files.items():
            self._copy(digest, folder / name)

    def _keep(self, path: Path) -> str:
        with staged_file(self.folder / "tmp") as copy:
            digest = _copy_hashed(path, copy)
            _rename(copy, self._blob(digest))  # also if it exists, because the existing file may be damaged
        return digest

    def _copy(self, digest: str, target: Path) -> None:
        blob = self._blob(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("wb") as copy:
                found = _copy_hashed(blob, copy)
        except FileNotFoundError as error:
            raise Damaged(f"{blob} is gone") from error
        if found != digest:
            blob.unlink(missing_ok=True)
            raise Damaged(f"{blob} was damaged")

    def _entry(self, key: str) -> Path:
        return self.folder / "entries" / key[:2] / f"{key}.json"

    def _blob(self, digest: str) -> Path:
        return self.folder / "blobs" / digest[:2] / digest


@dataclass(frozen=True)
class Size:
    """The size of a store: its entries, its files and their bytes."""

    entries: int
    files: int
    bytes: int


def size_of(store: Store) -> Size:
    """Returns the number of entries and files of a store, and their bytes on disk."""
    entries = files_below(store.folder / "entries")
    blobs = files_below(store.folder / "blobs")
    return Size(len(entries), len(blobs), sum(stat.st_size for stat in (entries | blobs).values()))


def prune(store: Store, unused_for_s: float) -> Size:
    """Removes entries not used for `unused_for_s` seconds, files without an entry, and files of killed builds.

    This is safe during builds: a build computes a missing result again.

    Returns:
        The numbers of removed entries, files and bytes.
    """
    before, oldest = size_of(store), time.time() - unused_for_s
    used: set[str] = set()
    for path, stat in files_below(store.folder / "entries").items():
        try:
            if stat.st_mtime > oldest:
                used.update(_read(path).files.values())
                continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        path.unlink(missing_ok=True)
    for path, stat in (files_below(store.folder / "blobs") | files_below(store.folder / "tmp")).items():
        if path.name not in used and stat.st_mtime <= oldest:
            path.unlink(missing_ok=True)
    after = size_of(store)
    return Size(before.entries - after.entries, before.files - after.files, before.bytes - after.bytes)


def files_below(folder: Path) -> dict[Path, os.stat_result]:
    """Returns every file below `folder`. Other processes may remove files meanwhile."""
    found = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            if not path.is_dir():
                found[path] = path.stat()
    return found


def _rename(staged: BinaryIO, target: Path) -> None:
    staged.close()
    target.parent.mkdir(exist_ok=True)
    Path(staged.name).replace(target)


def _copy_hashed(source: Path, target: BinaryIO) -> str:
    digest = hashlib.sha256()
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest()


def _read(path: Path) -> Entry:
    """Reads an entry. Raises OSError, ValueError, KeyError or TypeError if `put` did not write the file."""
    stated, _, content = path.read_bytes().partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != stated:
        raise ValueError(f"{path} was damaged")
    data = json.loads(content)
    for name, digest in data["files"].items():
        checked_relative(name)
        if not _HEX.fullmatch(digest):
            raise ValueError(f"{digest!r} is not a SHA-256")
    return Entry(data["record"], data["files"])
