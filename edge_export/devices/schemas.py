"""The records that other languages read and write, and their JSON Schemas in `schemas/`.

python -m edge_export.devices.schemas     writes them again
"""

from __future__ import annotations

from pathlib import Path

from edge_export.bundle.manifest import Manifest
from edge_export.bundle.numerics import Numerics
from edge_export.bundle.perf import Perf
from edge_export.devices.request import ItemStatus, Request
from edge_export.spec.device import DeviceFacts, Samples
from edge_export.spec.fields import Record
from edge_export.spec.schema import schema_text

SCHEMAS: dict[str, type[Record]] = {
    "request": Request,
    "status": ItemStatus,
    "samples": Samples,
    "device": DeviceFacts,
    "manifest": Manifest,
    "numerics": Numerics,
    "perf": Perf,
}
FOLDER = Path(__file__).resolve().parents[1] / "schemas"


def schema_file(name: str) -> Path:
    return FOLDER / f"{name}.json"


if __name__ == "__main__":
    for name, record in SCHEMAS.items():
        schema_file(name).write_text(schema_text(record), "utf-8")
