"""A normalized package depends on its content alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import compiled_members as members
import pytest

pytestmark = pytest.mark.slow


def manifest(package: Path) -> dict[str, dict[str, dict[str, str]]]:
    return json.loads((package / "Manifest.json").read_text())


def test_identifiers_change_with_the_content_only(tmp_path: Path) -> None:
    from edge_export.formats.coreml.normalize import normalize

    package = tmp_path / "a.mlpackage"
    shutil.copytree(members.compiled("streamer", "coreml")[0], package)
    before = manifest(package)
    normalize(package)
    assert manifest(package) == before
    weights = package / "Data/com.apple.CoreML/weights/weight.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    normalize(package)
    after = manifest(package)
    assert after["rootModelIdentifier"] == before["rootModelIdentifier"]
    assert len(set(after["itemInfoEntries"]) & set(before["itemInfoEntries"])) == 1
    assert list(after["itemInfoEntries"].values()) != []


def test_a_package_holds_its_model_its_weights_and_no_date() -> None:
    package = members.compiled("streamer", "coreml")[0]
    assert sorted(entry.name for entry in package.iterdir()) == ["Data", "Manifest.json"]
    assert b"conversion_date" not in (package / "Data/com.apple.CoreML/model.mlmodel").read_bytes()
    identifier = manifest(package)["rootModelIdentifier"]
    assert manifest(package)["itemInfoEntries"][identifier]["path"] == "com.apple.CoreML/model.mlmodel"  # type: ignore[index]
