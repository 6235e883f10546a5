"""What the tests of a phone in a farm attach is read by what was agreed, the last start's first."""

from __future__ import annotations

import json

import pytest

from edge_export.devices.farms.ios import reader

LIMITS = {"i1": {"outputs.safetensors": 100, "status.json": 50}, "i2": {"status.json": 50}}


def piece(item: str, **contents: bytes) -> bytes:
    named = {name.replace("_", "."): content for name, content in contents.items()}
    sizes = {name: len(content) for name, content in named.items()}
    return json.dumps({"item": item, "sizes": sizes}).encode() + b"\n" + b"".join(named.values())


def start(number: int, *pieces: bytes) -> dict[str, bytes]:
    """What xcresulttool exports of one start of the tests."""
    names = [f"A{index}" for index in range(len(pieces))]
    attachments = [{"exportedFileName": name, "suggestedHumanReadableName": "edge_export_0.data"} for name in names]
    folder = dict(zip(names, pieces, strict=True))
    folder["manifest.json"] = json.dumps([{"attachments": attachments}]).encode()
    return {f"attached{number}/{name}": content for name, content in folder.items()}


def opened(files: dict[str, bytes]):
    return reader(lambda name, limit: None if name not in files else files[name][:limit], LIMITS)


def test_the_last_start_counts_and_a_copy_of_the_folder_is_the_second_way():
    files = start(1, piece("i1", status_json=b"old"), piece("", device_json=b"{}"))
    files |= start(3, piece("i1", outputs_safetensors=b"abc", status_json=b"new"))
    files |= {"copied/results/i2/status.json": b"copied", "copied/results/i1/status.json": b"other"}
    read = opened(files)
    assert read("results/i1/status.json", 50) == b"new"
    assert read("results/i1/outputs.safetensors", 2) == b"ab"
    assert read("results/i1/samples.json", 50) is None
    assert read("results/i2/status.json", 50) == b"copied"
    assert read("device.json", 50) == b"{}"
    assert opened({})("device.json", 50) is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"attached1/manifest.json": b"{"}, "Invalid JSON"),
        (start(1, b"x" * 70_000), "it has no header"),
        (start(1, piece("i1", outputs_safetensors=b"x" * 101)), "its files of i1 were not agreed"),
        (start(1, piece("i1", else_json=b"")), "its files of i1 were not agreed"),
        (start(1, piece("i1", status_json=b"ab")[:-1]), "it has 1 bytes after its header, not 2"),
        (start(1, piece("i1", status_json=b"") + bytes(2 << 20)), "an attachment has more than the"),
    ],
    ids=range(6),
)
def test_what_was_not_agreed_is_refused(files, message):
    with pytest.raises(ValueError, match=message):
        opened(files)("results/i1/status.json", 50)


def test_no_file_is_read_that_the_manifest_names_outside_of_its_folder():
    files = start(1, piece("i1", status_json=b"ab"))
    manifest = files["attached1/manifest.json"].replace(b'"A0"', b'"../A0"')
    assert opened({"attached1/manifest.json": manifest, "A0": piece("i1")})("results/i1/status.json", 50) is None
