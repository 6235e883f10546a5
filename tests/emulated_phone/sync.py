"""The sync service: what `adb push` and `adb pull` speak."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from emulated_phone.state import State

if TYPE_CHECKING:
    from emulated_phone.adbd import Stream

_CHUNK = 64 * 1024
_ENOENT = 2


async def serve_files(stream: Stream, state: State) -> None:
    """Answers requests until QUIT: a name of four letters, a length, and a path."""
    while True:
        request, size = struct.unpack("<4sI", await stream.read(8))
        path = (await stream.read(size)).decode()
        match request:
            case b"QUIT":
                return
            case b"STAT":
                stat = _stat(state.inside(path))
                await stream.write(b"STAT" + struct.pack("<3I", stat[0], stat[1] & 0xFFFFFFFF, stat[2]))
            case b"STA2" | b"LST2":
                await stream.write(request + _stat2(state.inside(path)))
            case b"LIST":
                await _list(stream, state.inside(path))
            case b"SEND":
                await _send(stream, state, path)
            case b"RECV":
                await _receive(stream, state.inside(path))
            case _:
                await _fail(stream, "unknown command")
                return


def _stat(path: Path) -> tuple[int, int, int]:
    """Mode, size and time; zeros for a file that isn't there."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0, 0
    return found.st_mode, found.st_size, int(found.st_mtime)


def _stat2(path: Path) -> bytes:
    mode, size, time = _stat(path)
    return struct.pack("<I2Q4IQ3q", 0 if mode else _ENOENT, 0, 0, mode, 1, 0, 0, size, time, time, time)


async def _list(stream: Stream, folder: Path) -> None:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        name = path.name.encode()
        await stream.write(b"DENT" + struct.pack("<4I", *_stat(path), len(name)) + name)
    await stream.write(b"DONE" + bytes(16))


async def _send(stream: Stream, state: State, path_and_mode: str) -> None:
    """Stores a file as it arrives: a lost link or full storage leaves a part of it, as on a phone."""
    name = path_and_mode.rpartition(",")[0]
    path = state.inside(name)
    with state.changed() as phone:
        phone.received.append(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    error = ""
    with path.open("wb") as file:
        while True:
            kind, size = struct.unpack("<4sI", await stream.read(8))
            if kind == b"DONE":
                break
            chunk = await stream.read(size)
            if state.read().free_bytes < len(chunk):
                error = error or "couldn't write: No space left on device"
            if not error:
                file.write(chunk)
                state.used(len(chunk))
    path.chmod(0o644)
    if error:
        await _fail(stream, error)
    else:
        await stream.write(b"OKAY" + bytes(4))


async def _receive(stream: Stream, path: Path) -> None:
    if not path.is_file():
        await _fail(stream, "No such file or directory")
        return
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            await stream.write(b"DATA" + struct.pack("<I", len(chunk)) + chunk)
    await stream.write(b"DONE" + bytes(4))


async def _fail(stream: Stream, message: str) -> None:
    await stream.write(b"FAIL" + struct.pack("<I", len(message)) + message.encode())
