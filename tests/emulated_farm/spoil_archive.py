"""What a broken or hostile farm makes of the archive of a phone's results."""

from __future__ import annotations

import io
import re
import zipfile

BOMB_BYTES = 1 << 28


def spoiled(how: str, archive: bytes) -> bytes:
    """Returns the archive, changed as `how` says; as it is if that is empty."""
    match how:
        case "":
            return archive
        case "garbled":
            return archive[: len(archive) // 2] + b"\x00" * (len(archive) // 2)
        case "empty":
            return b""
        case "flipped bits":
            return _rewritten(archive, lambda name, content: (name, bytes(b ^ 0x55 for b in content)), r"outputs")
        case "parent names":
            return _rewritten(archive, lambda name, content: ("../" * 12 + "tmp/escaped/" + name, content), r"results")
        case "absolute names":
            return _rewritten(archive, lambda name, content: ("/tmp/escaped/" + name, content), r"results")
        case "bomb":
            return _rewritten(archive, lambda name, content: (name, bytes(BOMB_BYTES)), r"outputs")
        case "bomb of facts":
            return _rewritten(archive, lambda name, content: (name, bytes(BOMB_BYTES)), r"device\.json")
        case "many names":
            return _with_names(60_000)
        case "no facts":
            return _rewritten(archive, lambda name, content: (name + ".old", content), r"device\.json")
    raise ValueError(how)


def _rewritten(archive: bytes, change, which: str) -> bytes:
    """Returns the archive with `change` made to all files whose names contain the pattern `which`."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for info in source.infolist():
            if info.is_dir():
                continue
            name, content = info.filename, source.read(info)
            made.writestr(*(change(name, content) if re.search(which, name) else (name, content)))
    return target.getvalue()


def _with_names(count: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for number in range(count):
            made.writestr(f"edge_export/{'x' * 240}{number}", b"")
    return target.getvalue()
