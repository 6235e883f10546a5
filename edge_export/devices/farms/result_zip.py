"""Reads an archive from a farm. Nothing in it is trusted, and nothing is written by its names."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_export.devices.farms.results import RESULT_FOLDER, Read
from edge_export.devices.farms.zip_checks import checked_names, checked_zip, read_entry

MAX_BYTES = 1 << 30
"""What AWS keeps at most of one phone's files."""


@contextmanager
def opened_zip(path: Path) -> Iterator[Read]:
    """Gives a function that reads files of the result folder in the archive at `path`, wherever in it that stands.

    Raises:
        RequestError: It is no archive or a damaged one, or has names that lead out of it, or a name twice.
    """
    with checked_zip(path, "the archive of its results") as archive:
        yield _reader(archive)


def _reader(archive: zipfile.ZipFile) -> Read:
    found: dict[str, zipfile.ZipInfo] = {}
    for parts, info in checked_names(archive):
        if RESULT_FOLDER not in parts:
            continue
        name = "/".join(parts[parts.index(RESULT_FOLDER) + 1 :])
        if name in found:
            raise ValueError(f"it has {name} twice")
        found[name] = info

    def read(name: str, limit: int) -> bytes | None:
        info = found.get(name)
        return None if info is None else read_entry(archive, info, limit)

    return read
