"""Opens zip archives from outside. Nothing is unpacked by the names in them."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_export.errors import RequestError, one_line
from edge_export.files.paths import checked_relative

_DIRECTORY_BYTES = 16 << 20
"""The largest table of contents."""
_TAIL = (1 << 16) + 42
_END, _ZIP64 = b"PK\x05\x06", b"PK\x06\x07"


@contextmanager
def checked_zip(path: Path, what: str) -> Iterator[zipfile.ZipFile]:
    """Opens the archive at `path`.

    Args:
        what: Stands for it in messages.

    Raises:
        RequestError: It is no archive or a damaged one; also what `ValueError` says that is raised while it is open.
    """
    try:
        _require_small_directory(path)
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise RequestError(f"{what} can't be used: {one_line(error, 200) or 'it breaks off'}") from error


def checked_names(archive: zipfile.ZipFile) -> Iterator[tuple[tuple[str, ...], zipfile.ZipInfo]]:
    """Gives each file with the parts of its path. Raises ValueError if a name leads out."""
    for info in archive.infolist():
        parts = checked_relative(info.filename.rstrip("/")).parts
        if not info.is_dir():
            yield parts, info


def read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """Returns the content of a file, cut after `limit` bytes. Raises ValueError if it can't be read."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise ValueError(f"{one_line(info.filename, 100)} is encrypted, or compressed in an unknown way")
    with archive.open(info) as file:
        return file.read(limit)


def _require_small_directory(path: Path) -> None:
    """Raises ValueError if the table of contents is so large that reading it would fill the memory."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL))
        tail = file.read()
    if _ZIP64 in tail:
        raise ValueError("it is a Zip64 archive")
    ends = [match.start() for match in re.finditer(re.escape(_END), tail)]
    if any(int.from_bytes(tail[at + 12 : at + 16], "little") > _DIRECTORY_BYTES for at in ends):
        raise ValueError(f"its table of contents has more than {_DIRECTORY_BYTES} bytes")
