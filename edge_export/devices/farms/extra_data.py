"""A request folder as one archive, as farms take extra data."""

from __future__ import annotations

import zipfile
from pathlib import Path

from edge_export.devices.folder import parts_of
from edge_export.devices.request import REQUEST, Request
from edge_export.errors import RequestError, one_line

EXTRA_DATA = "edge_export_request"
"""The folder in the archive, and so on the phone, that holds the request."""
_DATE = (1981, 1, 1, 0, 0, 0)


def write_extra_data(folder: Path, request: Request, target: Path) -> None:
    """Writes the request folder `folder` into the zip archive `target`; equal folders give equal bytes.

    Raises:
        RequestError: It can't be written.
    """
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            add_request(archive, folder, request, EXTRA_DATA)
    except OSError as error:
        reason = one_line(error.strerror)
        raise RequestError(f"{target} can't be written ({reason}): make room, or set EDGE_EXPORT_CACHE") from error


def add_request(archive: zipfile.ZipFile, folder: Path, request: Request, place: str) -> None:
    """Adds the request folder `folder` to an archive, at the path `place` in it. Raises OSError."""
    for name in (REQUEST, *sorted(parts_of(request))):
        path = folder / name
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for file in files:
            info = zipfile.ZipInfo(f"{place}/{file.relative_to(folder).as_posix()}", _DATE)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            with file.open("rb") as source, archive.open(info, "w", force_zip64=True) as stored:
                while chunk := source.read(1 << 20):
                    stored.write(chunk)
