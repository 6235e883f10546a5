"""`list`: every name that another verb takes, and whether it works here."""

from __future__ import annotations

import json

import pytest
from terminal import assert_fits, assert_whole, shown

from edge_export.cli import listing
from edge_export.formats import FORMATS, installed
from edge_export.mothers.catalog import CATALOG
from edge_export.pipeline.target import target_names
from edge_export.tasks import TASKS

NAMES = {
    "mothers": list(CATALOG),
    "tasks": list(TASKS),
    "targets": target_names(),
    "formats": list(FORMATS),
    "precisions": ["fp32", "fp16", "int8"],
    "runtimes": [runtime.name for known in FORMATS.values() for runtime in known.every_runtime],
}


def test_everything_as_json(edge_export):
    done = edge_export("list", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {kind: [entry["name"] for entry in entries] for kind, entries in found.items()} == NAMES
    assert all(entry["description"] and "\n" not in entry["description"] for es in found.values() for entry in es)
    runtimes = {entry["name"]: entry for entry in found["runtimes"]}
    assert runtimes["LiteRT"]["here"]
    assert not runtimes["TensorFlow"]["here"], "the cache of a test is empty"
    assert "doctor --setup tensorflow" in runtimes["TensorFlow"]["why_not"]
    assert all(entry["here"] and not entry["why_not"] for entry in found["formats"])
    assert found["formats"][0]["precisions"] == ["fp32", "fp16", "int8"]


def test_one_kind(edge_export):
    done = edge_export("list", "runtimes")
    assert done.returncode == 0, done.stderr
    assert_whole(done.stdout, NAMES["runtimes"])
    assert "bsrnn" not in done.stdout
    assert "\nTensorFlow: not set up: run `" in done.stdout


def test_a_converter_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(installed, "find_spec", lambda name: None if name == "onnx2tf" else name)
    entries = {entry.name: entry for entry in listing.formats()}
    assert entries["executorch"].here
    assert not entries["tflite"].here
    assert entries["tflite"].why_not == "no onnx2tf: pip install edge_export[tflite]"


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("kind", listing.KINDS)
def test_names_are_whole(kind, width):
    entries = listing.KINDS[kind]()
    text = shown(width, lambda console: listing.print_entries(console, kind, entries))
    assert_fits(text, width)
    assert_whole(text, [entry.name for entry in entries])
    words = [word for entry in entries for word in entry.description.split()]
    assert_whole(text, words)
    if width == 140:
        assert_whole(text, list(entries[0].facts))
