"""Copies of a bundle with other facts in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from made_perf import FACTS, timed

from edge_export.bundle.folder import read_bundle
from edge_export.bundle.perf import DevicePerf, Perf, manifest_sha256, write_perf

Edit = Callable[[dict[str, Any], dict[str, Any]], object]


def changed(bundle: Path, copy: Path, edit: Edit = lambda manifest, numerics: None) -> Path:
    """Copies `bundle` and lets `edit` change its manifest and its numerics, of which it gets the JSON."""
    shutil.copytree(bundle, copy)
    files = [copy / "manifest.json", copy / "numerics.json"]
    records = [json.loads(file.read_text()) for file in files]
    edit(*records)
    for file, record in zip(files, records, strict=True):
        file.write_text(json.dumps(record))
    return copy


def measure(bundle: Path, times: dict[str, Sequence[Sequence[float]]], run: str, device: str = "board") -> None:
    """Writes a perf.json with the times in ms of each round, by the format of the only member's artifacts."""
    (member,) = read_bundle(bundle).manifest.members
    found = [
        timed(artifact.label, times[artifact.format], run, artifact.file.sha256).model_copy(
            update={"member": member.name}
        )
        for artifact in member.artifacts
        if artifact.file and artifact.format in times
    ]
    measured = DevicePerf(device=device, facts=FACTS, artifacts=tuple(found))
    write_perf(bundle, Perf(schema="1.0", bundle=manifest_sha256(bundle), devices=(measured,)))
