"""Reads an archive from a farm. Nothing in it is trusted, and nothing is written by its names."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_export.devices.farms.results import RESULT_FOLDER, Read
from edge_export.errors import RequestError, one_line
from edge_export.files.paths import checked_relative

MAX_BYTES = 1 << 30
"""What AWS keeps at most of one phone's files."""
_DIRECTORY_BYTES = 16 << 20
"""The largest table of contents."""
_TAIL = (1 << 16) + 42
_END, _ZIP64 = b"PK\x05\x06", b"PK\x06\x07"


@contextmanager
def opened_zip(path: Path) -> Iterator[Read]:
    """Gives a function that reads files of the result folder in the archive at `path`, wherever in it that stands.

    Raises:
        RequestError: It is no archive or a damaged one, or has names that lead out of it, or a name twice.
    """
    try:
        _require_small_directory(path)
        with zipfile.ZipFile(path) as archive:
            yield _reader(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        reason = one_line(error, 200) or "it breaks off"
        raise RequestError(f"the archive of its results can't be used: {reason}") from error


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


def _reader(archive: zipfile.ZipFile) -> Read:
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        parts = checked_relative(info.filename.rstrip("/")).parts  # raises ValueError if it leads out
        if RESULT_FOLDER not in parts or info.is_dir():
            continue
        name = "/".join(parts[parts.index(RESULT_FOLDER) + 1 :])
        if name in found:
            raise ValueError(f"it has {name} twice")
        found[name] = info

    def read(name: str, limit: int) -> bytes | None:
        info = found.get(name)
        if info is None:
            return None
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
            raise ValueError(f"{name} is encrypted, or compressed in an unknown way")
        with archive.open(info) as file:
            return file.read(limit)

    return read
