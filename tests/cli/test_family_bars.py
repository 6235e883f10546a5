"""The family in small: bars in proportion, whole numbers, 80 columns at most."""

from __future__ import annotations

import dataclasses

import pytest
from rich.cells import cell_len
from terminal import assert_fits, assert_whole, shown

from edge_export.bundle.folder import read_bundle
from edge_export.bundle.manifest import Manifest
from edge_export.cli.family_bars import bar, print_family
from edge_export.spec.tensors import Stream


def family(small_bundle, costs: list[int], scores: list[float | None], **recorded: object) -> Manifest:
    manifest = read_bundle(small_bundle).manifest
    members = tuple(
        manifest.members[0].model_copy(update={"name": f"m{index}", "macs": cost, "metric": score})
        for index, (cost, score) in enumerate(zip(costs, scores, strict=True))
    )
    changed = manifest.recorded.model_copy(update=recorded)
    return manifest.model_copy(update={"members": members, "recorded": changed})


def bars(text: str) -> list[list[int]]:
    """The lengths of the bars in each line, in columns."""
    return [[cell_len(word) for word in line.split() if word[0] in "█▏▎▍▌▋▊▉"] for line in text.splitlines()[2:]]


@pytest.mark.parametrize("width", [80, 100, 140, 1_000_000])
def test_bars_are_in_proportion(width, small_bundle):
    manifest = family(small_bundle, [1000, 2_000_000, 4_000_000], [1.0, 3.0, 5.0], baseline=-1.0)
    text = shown(width, lambda console: print_family(console, manifest))
    assert_fits(text, 80)
    assert_whole(text, ["m0", "m2", "1 k", "4 M", "1.00", "5.00", "MACs", "top1"])
    (tiny, third), (half, two_thirds), (longest, whole) = bars(text)
    assert (tiny, longest, whole) == (1, whole, longest)
    assert half == pytest.approx(longest / 2, abs=1)
    assert third == pytest.approx(whole / 3, abs=1), "from the baseline on"
    assert two_thirds == pytest.approx(2 * whole / 3, abs=1)


def test_sound_costs_by_the_second(small_bundle):
    manifest = family(small_bundle, [1000, 2000], [0.0, -1.0], baseline=None)
    stream = Stream(sample_rate=16000, hop=160, frames_per_call=2, delay=0, stems=("vocals",))
    update = {"io": dataclasses.replace(manifest.members[0].io, stream=stream)}
    members = tuple(member.model_copy(update=update) for member in manifest.members)
    text = shown(80, lambda console: print_family(console, manifest.model_copy(update={"members": members})))
    assert_fits(text, 80)
    assert_whole(text, ["50 k", "100 k", "-1.00"])
    assert "MACs a second of sound" in text
    assert [len(each) for each in bars(text)] == [1, 1], "what is no better than nothing has no bar of quality"


def test_names_that_leave_no_room_for_bars(small_bundle):
    manifest = family(small_bundle, [1000, 2000], [None, 1.0])
    members = tuple(member.model_copy(update={"name": member.name * 20}) for member in manifest.members)
    text = shown(60, lambda console: print_family(console, manifest.model_copy(update={"members": members})))
    assert_fits(text, 60)
    assert_whole(text, ["m0" * 20, "1 k", "-", "1.00"])
    assert "█" not in text


def test_the_shortest_bar():
    assert (bar(0, 1, 8), bar(-1, 1, 8), bar(1, 0, 8), bar(1e-9, 1, 8)) == ("", "", "", "▏")
    assert bar(0.5, 1, 8) == "████"
    assert bar(0.55, 1, 8) == "████▍"
