"""Two builds: each change is found, and what is beyond a limit is named with its numbers."""

from __future__ import annotations

import base64
import json
import zlib

import pytest
from changed_bundles import changed, measure
from made_perf import around

from edge_export.bundle.folder import read_bundle
from edge_export.changes import Limits, compare_builds
from edge_export.errors import RequestError

NONE = Limits()


def compared(small_bundle, tmp_path, edit, limits=NONE, yardstick=None):
    now = changed(small_bundle, tmp_path / "now", edit)
    return compare_builds(read_bundle(small_bundle), read_bundle(now), limits, yardstick)


def artifact(manifest, format_name="tflite"):
    return next(each for each in manifest["members"][0]["artifacts"] if each["format"] == format_name)


def grow(factor):
    def edit(manifest, numerics):
        file = artifact(manifest)["file"]
        file |= {"bytes": round(file["bytes"] * factor), "sha256": "1" * 64}

    return edit


def lose(points):
    def edit(manifest, numerics):
        for run in numerics["members"][0]["runs"]:
            run["metric"]["artifact"] -= points * (run["artifact"] == "tflite-builtin-fp32")

    return edit


def test_a_build_is_what_it_is(small_bundle, tmp_path):
    found = compared(small_bundle, tmp_path, lambda manifest, numerics: None, Limits(growth=0, loss=0))
    assert (found.facts, found.devices, found.beyond) == ((), (), ())
    assert [member.state for member in found.members] == ["same"]
    assert {each.state for each in found.members[0].artifacts} == {"same"}


def test_other_bytes_of_the_same_size_are_a_change(small_bundle, tmp_path):
    found = compared(small_bundle, tmp_path, grow(1), Limits(growth=0))
    assert {each.artifact: each.state for each in found.members[0].artifacts} == {
        "executorch-xnnpack-fp32": "same",
        "tflite-builtin-fp32": "changed",
    }
    assert found.beyond == ()


@pytest.mark.parametrize(("growth", "count"), [(None, 0), (0.04, 1), (0.06, 0)])
def test_growth(growth, count, small_bundle, tmp_path):
    found = compared(small_bundle, tmp_path, grow(1.05), Limits(growth=growth))
    assert len(found.beyond) == count
    for line in found.beyond:
        assert line.startswith("w0.25/tflite-builtin-fp32: it grew from ")
        assert line.endswith("bytes, more than 4 %")


@pytest.mark.parametrize(("loss", "count"), [(None, 0), (0.24, 1), (0.25, 0)])
def test_loss(loss, count, small_bundle, tmp_path):
    found = compared(small_bundle, tmp_path, lose(0.25), Limits(loss=loss))
    assert len(found.beyond) == count
    for line in found.beyond:
        assert "w0.25/tflite-builtin-fp32: it fell from " in line


def test_what_became_better_is_within_all_limits(small_bundle, tmp_path):
    def edit(manifest, numerics):
        grow(0.5)(manifest, numerics)
        lose(-1)(manifest, numerics)

    found = compared(small_bundle, tmp_path, edit, Limits(growth=0, loss=0))
    assert found.members[0].state == "changed"
    assert found.beyond == ()


def test_a_verdict_that_became_worse_needs_no_limit(small_bundle, tmp_path):
    def edit(manifest, numerics):
        artifact(manifest).update(status="failed", reason="SNR 12.0 dB is below 90 dB")

    found = compared(small_bundle, tmp_path, edit)
    assert found.beyond == ("w0.25/tflite-builtin-fp32: it passed and is failed now",)
    back = compare_builds(read_bundle(tmp_path / "now"), read_bundle(small_bundle), NONE)
    assert back.beyond == ()


def test_members_and_artifacts_come_and_go(small_bundle, tmp_path):
    def edit(manifest, numerics):
        manifest["members"][0]["name"] = numerics["members"][0]["name"] = "w0.5"
        manifest["members"][0]["artifacts"].pop()
        numerics["members"][0]["runs"].pop()

    found = compared(small_bundle, tmp_path, edit, Limits(growth=0, loss=0))
    assert {each.member: (each.state, len(each.artifacts)) for each in found.members} == {
        "w0.25": ("removed", 2),
        "w0.5": ("added", 1),
    }
    assert found.members[0].macs.then == found.members[1].macs.now > 0
    assert found.beyond == (), "which members there are is a choice"


def test_a_member_that_cannot_be_made_any_more(small_bundle, tmp_path):
    def edit(manifest, numerics):
        manifest["errors"] = [{"name": "w0.5", "config": "0.5", "reason": "no layer of\nwidth 3"}]

    found = compared(small_bundle, tmp_path, edit)
    assert found.beyond == ("w0.5 could not be made: no layer of width 3",)
    both = compare_builds(read_bundle(tmp_path / "now"), read_bundle(tmp_path / "now"), NONE)
    assert both.beyond == ()


def test_what_both_were_made_from(small_bundle, tmp_path):
    def edit(manifest, numerics):
        manifest["tools"]["torch"] = "3.0"
        manifest["mother"]["checkpoint_sha256"] = "2" * 64

    facts = {fact.name: fact.now for fact in compared(small_bundle, tmp_path, edit).facts}
    assert facts == {"torch": "3.0", "mother's weights": "2" * 12}


def test_a_member_of_an_earlier_version_has_no_bytes_of_weights(small_bundle, tmp_path):
    def edit(manifest, numerics):
        del manifest["members"][0]["weight_bytes"]

    assert compared(small_bundle, tmp_path, edit).members[0].state == "same"


SLOWER, STEADY = around(1.3, 1), around(1.0, 2)


def measured(small_bundle, tmp_path, tflite, edit):
    """The bundle then, with a yardstick of 4 ms; and now, with other times of TFLite."""
    then, now = changed(small_bundle, tmp_path / "then"), changed(small_bundle, tmp_path / "now", edit)
    measure(then, {"executorch": around(4.0, 3), "tflite": STEADY}, "then")
    measure(now, {"executorch": around(4.0, 4), "tflite": tflite}, "now")
    return read_bundle(then), read_bundle(now)


def test_a_slower_file_is_named_with_its_device(small_bundle, tmp_path):
    then, now = measured(small_bundle, tmp_path, SLOWER, grow(1))
    assert compare_builds(then, now, NONE).beyond == ()
    found = compare_builds(then, now, Limits(slowdown=0.1))
    (line,) = found.beyond
    assert line.startswith("w0.25/tflite-builtin-fp32: slower by ")
    assert line.endswith(" on board")
    assert compare_builds(then, now, Limits(slowdown=0.5)).beyond == ()


def test_times_without_a_yardstick(small_bundle, tmp_path):
    def edit(manifest, numerics):
        for each in manifest["members"][0]["artifacts"]:
            each["file"]["sha256"] = "1" * 64

    then, now = measured(small_bundle, tmp_path, SLOWER, edit)
    (device,) = compare_builds(then, now, NONE).devices
    assert device.comparison is None
    assert "give --yardstick" in device.reason
    with pytest.raises(RequestError, match="board: no file with a steady time is the same in both runs"):
        compare_builds(then, now, Limits(slowdown=0.1))
    assert compare_builds(then, now, Limits(slowdown=0.1), "none").beyond


@pytest.mark.parametrize("words", [b"0 0 0", b"1 -1", b"nan", b"1" * 16])
def test_samples_that_bench_does_not_write(words, small_bundle, tmp_path):
    then, now = measured(small_bundle, tmp_path, SLOWER, grow(1))
    path = now.root / "perf.json"
    perf = json.loads(path.read_text())
    for each in perf["devices"][0]["artifacts"]:
        for one in each["latency"]["rounds"]:
            one["samples"] = base64.b64encode(zlib.compress(words)).decode()
    path.write_text(json.dumps(perf))
    with pytest.raises(RequestError, match=r"board: a perf\.json holds what bench does not write"):
        compare_builds(then, now, Limits(slowdown=0.1))


def test_a_limit_without_times(small_bundle, tmp_path):
    with pytest.raises(RequestError, match=r"no times of one device.*leave out --max-slowdown"):
        compared(small_bundle, tmp_path, grow(1), Limits(slowdown=0.1))


def repeated(manifest, numerics):
    manifest["members"] *= 2


def another_metric(manifest, numerics):
    manifest["recorded"]["metric"] = "si_sdr"


def infinite(manifest, numerics):
    numerics["members"][0]["runs"][0]["metric"]["artifact"] = float("inf")


def huge(manifest, numerics):
    artifact(manifest)["file"]["bytes"] = 10**400


HOSTILE = {
    repeated: "names a member or an artifact twice",
    another_metric: "is measured in top1, .* in si_sdr: give two builds of one task",
    infinite: "a number that is not finite",
    huge: "far too large|not valid",
}


@pytest.mark.parametrize("edit", HOSTILE)
def test_what_build_does_not_write_is_refused(edit, small_bundle, tmp_path):
    with pytest.raises(RequestError, match=HOSTILE[edit]):
        compared(small_bundle, tmp_path, edit)
