"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from edge_export.errors import RequestError, one_line


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, then rename: neither a crash nor a full disk leaves half a file.

    Raises RequestError where the folder cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise RequestError(f"cannot write {path}: {one_line(error)}; choose another place") from error
