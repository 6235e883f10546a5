"""Files as plain bytes, to travel between machines that share no disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from edge_export.files.hashing import tree_sha256
from edge_export.files.paths import checked_relative

FileTree = dict[str, bytes]
"""The contents of a folder's files by their relative paths; of a single file, by the empty path."""

LIMIT_BYTES = 2 << 30


class TooLarge(ValueError):
    """A file or folder holds more than is sent."""


def pack(path: Path) -> FileTree | None:
    """The file or folder at `path`; None when there is nothing. Folders without a file in them are left out.

    Raises:
        OSError: It can't be read.
        TooLarge: It holds more than `LIMIT_BYTES`.
    """
    if not path.exists():
        return None
    files = {"": path} if path.is_file() else {p.relative_to(path).as_posix(): p for p in sorted(path.rglob("*"))}
    files = {name: file for name, file in files.items() if file.is_file()}
    size = sum(file.stat().st_size for file in files.values())
    if size > LIMIT_BYTES:
        raise TooLarge(f"{path} holds {size / 2**30:.1f} GiB, more than the {LIMIT_BYTES >> 30} GiB that are sent")
    return {name: file.read_bytes() for name, file in files.items()}


def unpack(tree: FileTree, path: Path) -> None:
    """Write what `pack` gave to `path`, over what is there.

    Raises:
        ValueError: A name in it leads out of `path`; nothing is written then.
    """
    if tree.keys() == {""}:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tree[""])
        return
    for name in tree:
        checked_relative(name)
    path.mkdir(parents=True, exist_ok=True)
    for name, content in tree.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


def remove(names: Iterable[str], path: Path) -> None:
    """Remove the files `names` from the folder at `path`; ValueError as for `unpack`."""
    for name in (names := list(names)):
        checked_relative(name)
    for name in names:
        (path / name).unlink(missing_ok=True)


def digest_of(tree: FileTree) -> str:
    """SHA-256 of all that `unpack` would write."""
    return tree_sha256({name: hashlib.sha256(content).hexdigest() for name, content in tree.items()})
