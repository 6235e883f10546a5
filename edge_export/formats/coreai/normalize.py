"""Normalize an `.aimodel`, so that two builds of the same program are equal byte for byte.

coreai-core writes `metadata.json` with the date of the conversion, and its keys in any order. The date is removed, and
the keys are sorted. The program, `main.mlirb`, and its hash are the same in every build.
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
