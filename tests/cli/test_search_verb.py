"""`search`: what it evaluates, what it answers, and what it shares with `build`."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from changed_bundles import changed, measure
from made_perf import around
from tflite_target import tflite_only

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
    (edge_export.folder / "plain.toml").write_text(tflite_only())
    mother = ("--mother", "tests.strangers:OneBadScored")
    done = edge_export("build", "--target", "plain.toml", *mother, "--members", "auto:2", "--out", "b", "--json")
    assert done.returncode == 0, done.stderr
    assert [member["name"] for member in json.loads(done.stdout)["members"]] == ["c2", "c4"]


def test_greedy_slimming_of_a_space_with_too_many_configurations(edge_export):
    picture = edge_export.folder / "front.svg"
    arguments = ("search", "--target", "linux", "--mother", "tests.strangers:Parted")
    done = edge_export(*arguments, "--greedy", "--max-macs", "390", "--picture", picture.name, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    by_name = {each["name"]: each for each in found["candidates"]}
    assert [each["name"] for each in found["candidates"] if each["listed"]] == ["f1s0", "f16s16"], "both ends"
    first_step = {"f15s16", "f16s0", "f16s15"}
    assert first_step <= by_name.keys(), "each part is made smaller alone"
    assert any(each["fits"] and not each["listed"] for each in found["candidates"])
    assert by_name["f16s16"]["macs"] == 6 * 16 + 16 * 16 + 16 * 3
    assert found["times"] is None
    drawn = ElementTree.parse(picture).getroot()
    texts = "".join(drawn.itertext())
    assert "MACs of a call" in texts
    assert "top1" in texts
    assert all(name in texts for name in by_name), "each candidate has a mark with its name"


def test_a_limit_of_time_counts_what_was_measured(small_bundle, edge_export):
    bundle = changed(small_bundle, edge_export.folder / "bundle")
    cache = ("--cache", small_bundle.parent / "cache" / "steps")
    arguments = ("search", "--target", "linux", "--mother", "digits", "--members", "0.25", *cache, "--bundle", bundle)
    refused = edge_export(*arguments)
    assert refused.returncode == 2
    assert "was not timed on any device: run bench" in refused.stderr

    measure(bundle, {"tflite": around(2.0, seed=1), "executorch": around(4.0, seed=2)}, "run")
    done = edge_export(*arguments, "--max-latency-ms", "3")
    assert done.returncode == 0, done.stderr
    assert "Pareto front of time and quality" in done.stdout
    assert "1 thread on board, 1 of 1 measured" in done.stdout
    done = edge_export(*arguments, "--max-latency-ms", "3", "--artifact", "executorch-xnnpack-fp32", "--json")
    found = json.loads(done.stdout)
    (candidate,) = found["candidates"]
    assert (done.returncode, found["best"], candidate["fits"], candidate["timed"]) == (1, None, False, True)
    assert candidate["call_ms"] == pytest.approx(4.0, rel=0.2)
    for wrong, words in (
        (("--device", "phone"), "was not timed on phone, only on board"),
        (
            ("--artifact", "tflite-builtin-int4"),
            "no tflite-builtin-int4 that passed was timed on board: give --artifact, one of",
        ),
        (("--mother", "separator"), "was built from another mother, digits"),
    ):
        refused = edge_export(*arguments, *wrong)
        assert refused.returncode == 2
        assert words in refused.stderr


def test_an_evolution_finds_again_what_it_has_evaluated(small_bundle, edge_export):
    cache = ("--cache", small_bundle.parent / "cache" / "steps")
    arguments = ("search", "--target", "linux", "--mother", "digits", "--members", "0.25", "--evolve", "3", *cache)
    first, again = edge_export(*arguments), edge_export(*arguments, "--json")
    assert first.returncode == 0, first.stderr
    found = json.loads(again.stdout)
    assert set(found["seconds"].values()) == {None}, "nothing was evaluated twice, so the same were found"
    small, large, drawn = sorted(found["candidates"], key=lambda each: (each["name"].startswith("c"), each["macs"]))
    assert (small["name"], large["name"]) == ("w0.25", "w1.0"), "both ends come first"
    assert small["macs"] < drawn["macs"] < large["macs"]
    assert "best of 1 listed" in first.stdout
    assert "what was found is better at" in first.stdout
    assert f"build --members w0.25,{drawn['name']},w1.0" in first.stdout or "build --members w0.25,w1.0" in first.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search", "--target", "linux", "--seed", "1"), "--seed would have no effect"),
        (("search", "--target", "linux", "--greedy", "--evolve", "9"), "not allowed with"),
        (("search", "--target", "linux", "--evolve", "1"), "not a whole number from 2"),
        (("search", "--target", "linux", "--picture", "front.png"), "give a name that ends in .svg"),
        (("search", "--target", "linux", "--max-latency-ms", "0"), "not a number above 0"),
        (("search", "--target", "linux", "--max-latency-ms", "5"), "dist/linux does not exist"),
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
