"""Normalize an `.aimodel`, so that what does not depend on the program is equal in two builds.

coreai-core writes `metadata.json` with the date of the conversion, and its keys in any order. The date is removed, and
the keys are sorted. The program, `main.mlirb`, and its hash are equal in one process alone: its tables are in the order
of memory addresses.
"""

from __future__ import annotations

import json
from pathlib import Path

_METADATA = "metadata.json"
_DATE = "creationDate"


def normalize(asset: Path) -> None:
    """Rewrites `asset`, as coreai-core saved it, in place."""
    path = asset / _METADATA
    metadata = json.loads(path.read_text())
    metadata.pop(_DATE, None)
    path.write_text(json.dumps(metadata, indent=2, sort_keys=True) + "\n")
