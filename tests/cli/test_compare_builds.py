"""`compare BUNDLE BUNDLE`: text, JSON and Markdown, exit codes, and bundles that a stranger made."""

from __future__ import annotations

import json

import pytest
from changed_bundles import changed, measure
from made_perf import around
from terminal import assert_fits, assert_whole, shown

from edge_export.bundle.folder import read_bundle
from edge_export.changes import Limits, compare_builds
from edge_export.cli.changes_markdown import as_markdown, code
from edge_export.cli.changes_table import print_changes


def worse(manifest, numerics):
    """A member more, a larger and worse file, and one that fails for a hostile reason."""
    (member,), (numbers,) = manifest["members"], numerics["members"]
    manifest["members"].append(json.loads(json.dumps(member)) | {"name": "w0.5"})
    numerics["members"].append(json.loads(json.dumps(numbers)) | {"name": "w0.5"})
    member["macs"] += 1000
    smaller, larger = member["artifacts"]
    larger["file"] |= {"bytes": 2 * larger["file"]["bytes"], "sha256": "1" * 64}
    smaller |= {"status": "failed", "reason": "`|` <img src=x> @someone [red]bad[/red]\nsecond line"}
    for run in numbers["runs"]:
        run["metric"]["artifact"] -= 2.0
    manifest["tools"]["torch"] = "3.0 `| @someone"


@pytest.fixture
def bundles(small_bundle, tmp_path):
    then, now = changed(small_bundle, tmp_path / "then"), changed(small_bundle, tmp_path / "now", worse)
    measure(then, {"executorch": around(4.0, 3), "tflite": around(1.0, 2)}, "then")
    return then, now


LIMITS = Limits(growth=0.02, loss=0.1)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_tables(width, bundles):
    found = compare_builds(*map(read_bundle, bundles), LIMITS)
    text = shown(width, lambda console: print_changes(console, *bundles, found, LIMITS))
    assert_fits(text, width)
    assert_whole(text, ["w0.25", "w0.5", "added", "changed", "tflite-builtin-fp32", "+100.0", "-2.00"])
    assert "passed → failed" in text
    assert "torch: " in text
    assert "4 artifacts, 2 changed, 2 added; 4 beyond the limits" in text
    assert "<img" not in text, "why it failed is inspect's to say"


def test_markdown_holds_a_stranger_s_text_in_code_spans(bundles):
    found = compare_builds(*map(read_bundle, bundles), LIMITS)
    lines = as_markdown(*bundles, found).splitlines()
    assert lines[2] == "**4 artifacts, 2 changed, 2 added; 4 beyond the limits**"
    assert "- torch: " in "\n".join(lines)
    tables = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in tables} == {7, 8}, "six columns, or seven"
    assert code("a`b|c\n@d") == "`a'b\\|c @d`"
    assert all("@someone" in line.split("`")[3] for line in lines if "@someone" in line)


def test_exit_codes_and_json(bundles, edge_export):
    then, now = bundles
    done = edge_export("compare", then, then, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"] is True
    done = edge_export("compare", then, now, "--max-growth", "2%", "--max-loss", "0.1", "--json")
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert result["passed"] is False
    assert len(result["beyond"]) == 4
    assert result["limits"] == {"growth": 0.02, "loss": 0.1, "slowdown": None}
    assert [member["state"] for member in result["members"]] == ["changed", "added"]


REFUSED = {
    "no bundle": (("then", "nowhere"), "nowhere"),
    "no times": (("then", "now", "--max-slowdown", "5%"), "leave out --max-slowdown"),
    "a file's option": (("then", "now", "--snr-db", "3"), "--snr-db would have no effect on two bundles"),
    "two bundles' option": (
        ("a.pte", "--against", "a:b", "--inputs", "x", "--markdown"),
        "--markdown would have no effect on one file",
    ),
    "one bundle": (("then",), "two bundles"),
    "two formats": (("then", "now", "--json", "--markdown"), "give one of them"),
    "a limit below zero": (("then", "now", "--max-loss", "-1"), "--max-loss"),
    "times of another bundle": (("then", "other"), "was measured on another bundle"),
    "not JSON": (("then", "broken"), "not valid"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_in_one_line(kind, bundles, monkeypatch, capsys):
    from edge_export.__main__ import main

    folder = bundles[0].parent
    other = changed(bundles[0], folder / "other", lambda manifest, numerics: manifest["tools"].update(torch="4"))
    changed(other, folder / "broken")
    (folder / "broken" / "numerics.json").write_text("[" * 100_000)
    monkeypatch.chdir(folder)
    arguments, words = REFUSED[kind]
    try:
        status = main(["compare", *arguments])
    except SystemExit as done:
        status = done.code
    captured = capsys.readouterr()
    assert status == 2
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    assert words in line
