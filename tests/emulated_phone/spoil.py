"""What a wrong or hostile runner leaves behind, in the results of one item."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

TOO_LARGE = 64 << 20


def spoil(how: str, results: Path) -> None:
    """Changes the results in the folder `results`; not at all if `how` is empty."""
    status = results / "status.json"
    match how:
        case "":
            pass
        case "garbled":
            status.write_bytes(b"\x00\xff{]garbled")
        case "garbled outputs":
            _replace(results, "outputs", b"\x00" * 1000)
        case "too large":
            _replace(results, "outputs", bytes(TOO_LARGE))
        case "parent folder":
            _change(status, outputs={**json.loads(status.read_text())["outputs"], "path": "../../../../../secret"})
        case "other run":
            _change(status, run_id="another")
        case "not a number":
            samples = json.loads((results / "samples.json").read_text())
            samples["call_ms"][0] = float("nan")
            _replace(results, "samples", json.dumps(samples).encode())
        case _:
            raise ValueError(how)


def _replace(results: Path, part: str, content: bytes) -> None:
    """Replaces a file, and states its true size and sha256."""
    status = results / "status.json"
    stated = json.loads(status.read_text())[part]
    (results / stated["path"]).write_bytes(content)
    _change(status, **{part: {**stated, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}})


def _change(status: Path, **fields: object) -> None:
    status.write_text(json.dumps(json.loads(status.read_text()) | fields))
