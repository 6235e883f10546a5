"""Files as plain bytes, to be sent between machines that share no disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from edge_export.files.hashing import tree_sha256
from edge_export.files.paths import checked_relative

FileTree = dict[str, bytes]
"""The contents of a folder's files by their relative paths. A single file has the empty path."""

LIMIT_BYTES = 2 << 30


class TooLarge(ValueError):
    """A file or folder holds more than `LIMIT_BYTES`."""


def pack(path: Path) -> FileTree | None:
    """Reads the file or folder at `path`. Returns None if it does not exist. Folders without files are left out.

    Raises:
        OSError: It cannot be read.
        TooLarge: It holds more than `LIMIT_BYTES`.
    """
    if not path.exists():
        return None
    files = {"": path} if path.is_file() else {p.relative_to(path).as_posix(): p for p in sorted(path.rglob("*"))}
    files = {name: file for name, file in files.items() if file.is_file()}
    size = sum(file.stat().st_size for file in files.values())
    if size > LIMIT_BYTES:
        raise TooLarge(f"{path} holds {size / 2**30:.1f} GiB, at most {LIMIT_BYTES >> 30} GiB can be sent")
    return {name: file.read_bytes() for name, file in files.items()}


def unpack(tree: FileTree, path: Path) -> None:
    """Writes the result of `pack` to `path` and overwrites existing files.

    Raises:
        ValueError: A file name in it leads out of `path`. Then nothing is written.
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
    """Removes the files `names` from the folder at `path`. Raises ValueError as `unpack` does."""
    for name in (names := list(names)):
        checked_relative(name)
    for name in names:
        (path / name).unlink(missing_ok=True)


def digest_of(tree: FileTree) -> str:
    """Returns the SHA-256 of everything that `unpack` would write."""
    return tree_sha256({name: hashlib.sha256(content).hexdigest() for name, content in tree.items()})
