"""`search`: what it evaluates, what it answers, and what it shares with `build`."""

from __future__ import annotations

import json

import pytest
from tflite_target import TFLITE_ONLY

from edge_export.__main__ import main
from edge_export.bundle.folder import read_bundle


def test_what_a_build_has_done_is_not_done_again(small_bundle, edge_export):
    (member,) = read_bundle(small_bundle).manifest.members
    cache = ("--cache", small_bundle.parent / "cache" / "steps")
    arguments = ("search", "--target", "linux", "--mother", "digits", "--members", "0.25", *cache)
    done = edge_export(*arguments, "--max-macs", "0.5M", "--max-params", "10k", "--max-bytes", "50kB", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (candidate,) = found["candidates"]
    assert (found["metric"], found["best"], candidate["fits"], candidate["front"]) == ("top1", "w0.25", True, True)
    for cost in ("metric", "macs", "params", "weight_bytes", "peak_activation_bytes"):
        assert candidate[cost] == getattr(member, cost) > 0
    assert found["seconds"] == {"w0.25": None}, "it came from the build's cache"

    done = edge_export(*arguments, "--max-macs", "0.2M")
    assert done.returncode == 1, done.stderr
    assert "1 evaluated, 1 on the front: nothing is within the budget" in done.stdout


def test_what_cannot_be_made_is_told_and_the_rest_answered(edge_export):
    arguments = ("search", "--target", "linux", "--mother", "tests.strangers:OneBadScored")
    done = edge_export(*arguments, "--members", "c2,c3")
    assert done.returncode == 1, done.stderr
    assert "c3 error: " in done.stdout
    assert "no layer of width 3" in done.stdout
    assert "1 evaluated, 1 on the front: c2 is the best within the budget" in done.stdout


def test_a_family_of_members_that_search_chooses(edge_export):
    (edge_export.folder / "plain.toml").write_text(TFLITE_ONLY)
    mother = ("--mother", "tests.strangers:OneBadScored")
    done = edge_export("build", "--target", "plain.toml", *mother, "--members", "auto:2", "--out", "b", "--json")
    assert done.returncode == 0, done.stderr
    assert [member["name"] for member in json.loads(done.stdout)["members"]] == ["c2", "c4"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search", "--target", "linux", "--max-macs", "many"), '"many" is no count'),
        (("search", "--target", "linux", "--max-macs", "9" * 400), "is no count"),
        (("search", "--target", "linux", "--min-quality", "inf"), '"inf" is not a number'),
        (("build", "--target", "linux", "--members", "auto:"), "give auto:2 to auto:64"),
        (("build", "--target", "linux", "--members", "auto:1"), "give auto:2 to auto:64"),
        (("build", "--target", "linux", "--members", "auto:-5"), "give auto:2 to auto:64"),
        (("build", "--target", "linux", "--members", "auto:65"), "give auto:2 to auto:64"),
    ],
)
def test_refused_in_one_line(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    try:
        status = main(list(arguments))
    except SystemExit as done:
        status = done.code
    captured = capsys.readouterr()
    assert status == 2
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    assert words in line
