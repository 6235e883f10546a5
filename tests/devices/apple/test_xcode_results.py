"""What a phone attaches is hostile until checked: names, sizes and places are as agreed, or it is refused."""

from __future__ import annotations

import json

import pytest

from edge_export.devices.xcode_mac import Mac
from edge_export.devices.xcode_results import attached

LIMITS = {"i1": {"outputs.safetensors": 100, "status.json": 50}}


@pytest.fixture
def bring(mac, tmp_path):
    """A function that attaches something, and returns what comes of it."""

    def bring_one(content: bytes, name: str = "A1", told: str = "edge_export_0_A1.data"):
        data = tmp_path / "tests.xcresult" / "Data"
        data.mkdir(parents=True)
        (data / "A1").write_bytes(content)
        attachments = [{"exportedFileName": name, "suggestedHumanReadableName": told}]
        (data / "manifest.json").write_text(json.dumps([{"attachments": attachments}]))
        return attached(Mac(), str(data.parent), str(tmp_path / "exported"), LIMITS)

    return bring_one


def content_of(item: str, rest: bytes = b"", **sizes: int) -> bytes:
    named = {name.replace("_", "."): size for name, size in sizes.items()}
    return json.dumps({"item": item, "sizes": named}).encode() + b"\n" + rest


def test_files_come_in_their_order(bring):
    brought = bring(content_of("i1", b"abcde", outputs_safetensors=3, status_json=2))
    assert brought.files == {"i1": {"outputs.safetensors": b"abc", "status.json": b"de"}}
    assert brought.refused == brought.complaints == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (content_of("i2", b"ab", status_json=2), "its files of i2 were not agreed"),
        (content_of("../i1", b"ab", status_json=2), "were not agreed"),
        (content_of("i1", b"ab", else_json=2), "were not agreed"),
        (content_of("i1", b"", status_json=-1), "were not agreed"),
        (content_of("i1", b"a" * 51, status_json=51), "were not agreed"),
        (content_of("i1", b"ab", status_json=1), "it has 2 bytes after its header, not 1"),
        (content_of("", b"ab", status_json=2), "were not agreed"),
        (b"", "it has no header"),
        (b"x" * 70_000, "it has no header"),
        (b"x" * (2 << 20), "it sent more than"),
    ],
    ids=range(10),
)
def test_what_was_not_agreed_is_refused(bring, content, reason):
    brought = bring(content)
    assert brought.files == {}
    assert len(brought.refused) == 1
    assert reason in brought.refused[0]


@pytest.mark.parametrize("name", ["../manifest.json", "/etc/passwd", "", ".", "-rf"])
def test_no_other_file_is_read(bring, name):
    assert bring(content_of("i1", b"ab", status_json=2), name=name).files == {}


def test_attachments_of_others_are_left_alone(bring):
    brought = bring(content_of("i1", b"ab", status_json=2), told="Screenshot_0_A1.png")
    assert brought.files == {}
    assert brought.refused == []


def test_an_xcresult_that_cannot_be_exported_is_a_complaint(mac, tmp_path):
    brought = attached(Mac(), str(tmp_path / "none.xcresult"), str(tmp_path / "exported"), LIMITS)
    assert len(brought.complaints) == 1
    assert brought.complaints[0].startswith("xcresulttool failed: ")
