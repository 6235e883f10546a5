"""The request folder on a phone: files go there by their content, only what is missing."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from edge_export.devices.adb_client import Adb, quoted
from edge_export.devices.device import LinkLost
from edge_export.devices.request import REQUEST, Part, Request
from edge_export.devices.results import RESULTS
from edge_export.errors import RequestError

FOLDER = "/data/local/tmp/edge_export"
"""The request folder. The shell may write here, and apps may read."""
_SLOWEST = 250_000
"""Bytes per second of the slowest link that is waited for."""
_START_S = 60.0
_HASH_S = 600.0
_SPARE_BYTES = 32 << 20
"""Storage that stays free, for the results."""


def stage(adb: Adb, folder: Path, wanted: Mapping[str, Part]) -> int:
    """Brings files of the request folder to the phone: those that are not there with this content. Others go.

    Args:
        folder: The request folder of this machine.
        wanted: The parts of the request by path.

    Returns:
        The number of bytes that were sent.

    Raises:
        LinkLost: The phone is gone.
        RequestError: It has no room. What was sent of these files is removed.
    """
    parents = sorted({f"{FOLDER}/{PurePosixPath(path).parent}" for path in wanted})
    adb.require(f"mkdir -p {' '.join(map(quoted, parents))}", f"{FOLDER} can't be made")
    found = _contents(adb)
    if stale := [path for path, sha256 in found.items() if path not in wanted or wanted[path].sha256 != sha256]:
        _remove(adb, stale)
    missing = [part for path, part in wanted.items() if found.get(path) != part.sha256]
    size = sum(part.bytes for part in missing)
    if missing:
        _require_room(adb, size)
    try:
        for parent in parents:
            files = [folder / p.path for p in missing if f"{FOLDER}/{PurePosixPath(p.path).parent}" == parent]
            if files:
                adb.push(files, f"{parent}/", timeout_s=_START_S + size / _SLOWEST)
    except LinkLost:
        raise
    except RequestError:  # what came of them takes room and is of no use
        _remove(adb, [part.path for part in missing])
        raise
    if missing:
        _make_readable(adb)
        arrived = _contents(adb)
        if changed := [part.path for part in missing if arrived.get(part.path) != part.sha256]:
            raise RequestError(f"{adb.name}: {changed[0]} arrived changed in {FOLDER}: try again, or another cable")
    return size


def store_request(adb: Adb, request: Request) -> None:
    """Writes the request into the folder of the phone.

    Raises:
        RequestError: The phone is gone, or has no room.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / REQUEST
        path.write_text(request.model_dump_json(by_alias=True), "utf-8")
        adb.push([path], f"{FOLDER}/", timeout_s=_START_S)
    _make_readable(adb)


def _make_readable(adb: Adb) -> None:
    adb.require(f"chmod -R a+rX {FOLDER}", f"files in {FOLDER} can't be made readable for the runner app")


def _contents(adb: Adb) -> dict[str, str]:
    """Returns the sha256 of each staged file by its path."""
    command = f"cd {FOLDER} && find . -type f ! -path './{RESULTS}/*' -exec sha256sum {{}} +"
    lines = adb.require(command, "staged files can't be compared", timeout_s=_HASH_S).text.splitlines()
    return {path.removeprefix("./"): sha256 for sha256, _, path in (line.partition("  ") for line in lines)}


def _remove(adb: Adb, paths: list[str]) -> None:
    for start in range(0, len(paths), 100):
        names = " ".join(map(quoted, paths[start : start + 100]))
        adb.require(f"cd {FOLDER} && rm -f -- {names}", f"old files in {FOLDER} can't be removed")


def _require_room(adb: Adb, size: int) -> None:
    words = adb.require(f"df -k {FOLDER}", "its free storage is unknown").text.splitlines()[-1:]
    fields = words[0].split() if words else []
    free = int(fields[3]) * 1024 if len(fields) > 3 and fields[3].isdigit() else None
    if free is not None and free < size + _SPARE_BYTES:
        needed = (size + _SPARE_BYTES - free + (1 << 20) - 1) >> 20
        raise RequestError(f"{adb.name}: its storage is full, {needed} MiB more are needed there: free some")
