"""Where this package keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$EDGE_EXPORT_CACHE`, else `edge_export` in the user's cache folder."""
    if chosen := os.environ.get("EDGE_EXPORT_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "edge_export"
