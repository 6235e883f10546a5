"""Normalize a `.mlpackage`, so that two builds of the same program are equal byte for byte.

coremltools writes some values that differ from run to run. They are replaced or removed:
- the items' identifiers in Manifest.json, random UUIDs -> UUIDs made from each item's path and content;
- the order inside model.mlmodel's maps -> protobuf's deterministic serialization;
- the date of the conversion in its metadata -> removed;
- a mapping for a debugger next to the manifest, which Core ML does not read -> removed.

A folder of weights that is empty, or was lost because it is, leaves the manifest: copies often hold files only.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path

from edge_export.formats.coreml.library import protobuf

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://developer.apple.com/documentation/coreml")
_DATE = "com.github.apple.coremltools.conversion_date"
_DEBUG_MAPPING = "executorch_debug_handle_mapping.json"


def normalize(package: Path) -> None:
    """Rewrites `package`, as coremltools saved it, in place."""
    (package / _DEBUG_MAPPING).unlink(missing_ok=True)
    model = package / "Data" / "com.apple.CoreML" / "model.mlmodel"
    spec = protobuf("Model").Model()
    spec.ParseFromString(model.read_bytes())
    spec.description.metadata.userDefined.pop(_DATE, None)
    model.write_bytes(spec.SerializeToString(deterministic=True))
    _rename_items(package)


def _rename_items(package: Path) -> None:
    path = package / "Manifest.json"
    manifest = json.loads(path.read_text())
    items, names = {}, {}
    for old, entry in manifest["itemInfoEntries"].items():
        item = path.parent / "Data" / entry["path"]
        if not item.is_file() and not any(item.glob("*")):
            if item.exists():
                item.rmdir()
            continue
        names[old] = str(uuid.uuid5(_NAMESPACE, f"{entry['path']} {_digest(item)}"))
        items[names[old]] = entry
    manifest["itemInfoEntries"] = items
    manifest["rootModelIdentifier"] = names[manifest["rootModelIdentifier"]]
    path.write_text(json.dumps(manifest, indent=4, sort_keys=True) + "\n")


def _digest(item: Path) -> str:
    """Returns the SHA-256 of a file, or of the names and contents in a folder.

    It does not use `files.hashing.sha256_of`, so that packages stay bit-identical to those of older bundles.
    """
    digest = hashlib.sha256()
    for file in sorted(item.rglob("*")) if item.is_dir() else [item]:
        if file.is_file():
            digest.update(file.relative_to(item.parent).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
