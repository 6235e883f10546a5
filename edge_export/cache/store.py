"""A content-addressed store: files by their SHA-256, and entries that say which files a step gave.

    entries/ab/abcd….json    the SHA-256 of the next line, and {"record": {…}, "files": {"artifact.pte": SHA-256, …}}
    blobs/12/1234…           the content of one file

Everything is written beside and renamed, so that builds at the same time, or killed ones, can't hurt each other. A blob
is hashed whenever it is read: a damaged one is removed, and whoever asked makes its step again.
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
    """A stored file is missing or is not what its name says."""


@dataclass(frozen=True)
class Entry:
    """What one step gave.

    Attributes:
        record: Its JSON.
        files: SHA-256 by relative path; a folder, such as an `.mlpackage`, is several files.
    """

    record: dict[str, Any]
    files: dict[str, str]


class Store:
    """The store in `folder`, which is made if need be; RequestError when it can't be."""

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
        """The entry of `key`; None when there is none, or it is damaged."""
        path = self._entry(key)
        try:
            entry = _read(path)
            os.utime(path)  # what is used is pruned last
            return entry
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            path.unlink(missing_ok=True)
            return None

    def put(self, key: str, record: Mapping[str, Any], files: Mapping[str, Path]) -> None:
        """Keep what a step gave: `record` (JSON), and each of `files`, a file or a folder, by its relative path.

        A full disk, or somebody who prunes meanwhile, fails nothing: what is not kept is made again.
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
        """Copy the files of `entry` into `folder`.

        Raises:
            Damaged: The store no longer has one as it was.
        """
        for name, digest in entry.files.items():
            self._copy(digest, folder / name)

    def _keep(self, path: Path) -> str:
        with staged_file(self.folder / "tmp") as copy:
            digest = _copy_hashed(path, copy)
            _rename(copy, self._blob(digest))  # even where it exists: that one may be damaged
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
    """How much a store holds."""

    entries: int
    files: int
    bytes: int


def size_of(store: Store) -> Size:
    """How many entries and files a store holds, and their bytes on disk."""
    entries = _files(store.folder / "entries")
    blobs = _files(store.folder / "blobs")
    return Size(len(entries), len(blobs), sum(stat.st_size for stat in (entries | blobs).values()))


def prune(store: Store, unused_for_s: float) -> Size:
    """Remove the entries not used for `unused_for_s` seconds, files that none refers to, and what killed builds left.

    Safe beside running builds: what one of them misses, it makes again.

    Returns:
        What was removed.
    """
    before, oldest = size_of(store), time.time() - unused_for_s
    used: set[str] = set()
    for path, stat in _files(store.folder / "entries").items():
        try:
            if stat.st_mtime > oldest:
                used.update(_read(path).files.values())
                continue
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        path.unlink(missing_ok=True)
    for path, stat in (_files(store.folder / "blobs") | _files(store.folder / "tmp")).items():
        if path.name not in used and stat.st_mtime <= oldest:
            path.unlink(missing_ok=True)
    after = size_of(store)
    return Size(before.entries - after.entries, before.files - after.files, before.bytes - after.bytes)


def _files(folder: Path) -> dict[Path, os.stat_result]:
    """Every file below `folder`; others may be removing some."""
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
    """An entry from disk; OSError, ValueError, KeyError or TypeError for anything that `put` would not have written."""
    stated, _, content = path.read_bytes().partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != stated:
        raise ValueError(f"{path} was damaged")
    data = json.loads(content)
    for name, digest in data["files"].items():
        checked_relative(name)
        if not _HEX.fullmatch(digest):
            raise ValueError(f"{digest!r} is no SHA-256")
    return Entry(data["record"], data["files"])
