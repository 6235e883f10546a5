"""Hashes and sizes of files, and of folders that count as one file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath


def file_sha256(path: str | Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_sha256(files: Mapping[str, str]) -> str:
    """Returns the SHA-256 of a folder, in hexadecimal, from the SHA-256 of each file in it by relative path.

    It is the SHA-256 of the text `path NUL sha256 LF` for each file, in UTF-8. Paths have forward slashes, and are
    sorted part by part: "a/b" is before "a-b". Empty folders, modes and dates do not count. Manifests of bundles depend
    on this hash.
    """
    lines = (f"{path}\0{files[path]}\n" for path in sorted(files, key=lambda path: PurePosixPath(path).parts))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file, or of a folder (see `tree_sha256`), in hexadecimal."""
    if not path.is_dir():
        return file_sha256(path)
    files = (file for file in path.rglob("*") if file.is_file())
    return tree_sha256({file.relative_to(path).as_posix(): file_sha256(file) for file in files})


def bytes_of(path: Path) -> int:
    """Returns the size of a file, or of all files in a folder, in bytes."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
