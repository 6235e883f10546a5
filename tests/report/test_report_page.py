"""The page as text: all that a bundle holds is there, a stranger's text is only text, and damage is one line."""

from __future__ import annotations

import html.parser
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from changed_bundles import changed, measure
from made_perf import around
from report_bundles import HOSTILE, add_member, disputed, hostile, of_three, sounding, with_goldens

from edge_export.bundle.folder import read_bundle
from edge_export.errors import RequestError
from edge_export.report import sounds
from edge_export.report.goldens import read_goldens
from edge_export.report.page import MAX_BYTES, write_report


class Page(html.parser.HTMLParser):
    """The tags of a page, with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


def page_of(bundle: Path) -> Page:
    out = bundle.parent / "report.html"
    assert write_report(bundle, out) == out.stat().st_size < MAX_BYTES
    return Page(out.read_text(encoding="utf-8"))


def test_a_real_bundle_of_one_member(small_bundle, tmp_path):
    bundle = changed(small_bundle, tmp_path / "bundle")
    page = page_of(bundle)
    manifest = read_bundle(bundle).manifest
    (member,) = manifest.members
    named = [artifact.label for artifact in member.artifacts] + [each.file.sha256 for each in member.artifacts]
    named += [member.name, *manifest.tools, *manifest.tools.values(), manifest.mother.checkpoint_sha256]
    assert [name for name in named if name not in page.text] == []
    assert "edge_export build --target linux --mother digits --members 0.25 --out bundle" in page.text
    assert "No device was timed" in page.text
    assert "No other device has run these files yet" in page.text
    assert "The only member's predictions for 64 goldens" in page.text
    first = (tmp_path / "report.html").read_bytes()
    page_of(bundle)
    assert (tmp_path / "report.html").read_bytes() == first, "the same bundle gives the same page"


def test_a_metric_of_a_part_of_the_recordings_is_marked(small_bundle, tmp_path):
    def shorten(manifest, numerics):
        numerics["members"][0]["runs"][0]["metric"] |= {"mother": 19.09, "artifact": 19.06}

    whole = page_of(changed(small_bundle, tmp_path / "whole"))
    note = "* is measured on a part of it, and so is what it lost."
    assert note not in whole.text
    part = page_of(changed(small_bundle, tmp_path / "part", shorten))
    assert "*19.06 0.03" in part.text
    assert note in part.text


def test_verdicts_members_that_were_not_made_and_disputed_goldens(small_bundle, tmp_path):
    page = page_of(disputed(small_bundle, tmp_path / "bundle"))
    for words in (
        "4 passed , 1 failed , 1 unverified , 1 error .",
        "SNR 12.0 dB is below 90 dB",
        "no runtime",
        "no such width",
    ):
        assert words in page.text
    assert "Members disagree on 2 of 64 goldens; 2 goldens are wrong" in page.text
    assert sum(tag == "img" for tag, _ in page.tags) == 64


def test_times_are_drawn_for_each_device(small_bundle, tmp_path):
    bundle = changed(small_bundle, tmp_path / "bundle")
    noisy = [[1.0] * 100, [2.0] * 100]
    measure(bundle, {"executorch": around(4.0, 3), "tflite": noisy}, "now", device="adb:phone")
    page = page_of(bundle)
    assert "Latency on adb:phone" in page.text
    assert "Noisy, so without a median: w0.25/tflite-builtin-fp32." in page.text
    assert "Board 1" in page.text
    assert "edge_export bench bundle --device adb:phone" in page.text
    measure(bundle, {"executorch": around(4.0, 3), "tflite": [[1e300] * 100] * 2}, "now", device="farm:aws:Pixel")
    farm = page_of(bundle)
    assert "a phone of a farm" in farm.text
    assert "--device farm" not in farm.text
    assert "No device was timed" not in page.text


def test_a_stranger_s_text_is_only_text(small_bundle, tmp_path):
    plain = page_of(changed(small_bundle, tmp_path / "plain", of_three))
    page = page_of(changed(small_bundle, tmp_path / "bundle", hostile))
    assert page.text.count(HOSTILE) > 20
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in plain.tags}
    for tag, few in (("script", 1), ("style", 1), ("img", 64)):
        assert sum(each == tag for each, _ in page.tags) == few
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"]
    (policy,) = (each["content"] for _, each in page.tags if each.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy
    assert "unsafe" not in policy


def test_sounds_are_shortened_until_they_fit(small_bundle, tmp_path, monkeypatch):
    bundle = sounding(small_bundle, tmp_path / "bundle")
    page = page_of(bundle)
    tracks = [each for tag, each in page.tags if tag == "input" and each.get("type") == "radio"]
    assert len(tracks) == 2 * (1 + 3 * 2), "of two goldens: the mixture, and two stems of the reference and two members"
    read = read_bundle(bundle)
    goldens, stream = read_goldens(read), read.manifest.members[0].io.stream
    whole = sounds.excerpts_of(goldens, stream)
    assert [source for source, _ in whole[0].sources] == ["reference", "w0.25", "d2w2"]
    assert whole[0].seconds == 2.0
    budget = sum(map(sounds.flac_bytes, whole)) // 2
    monkeypatch.setattr(sounds, "BUDGET", budget)
    monkeypatch.setattr(sounds, "MIN_TRACK", 1)
    short = sounds.excerpts_of(goldens, stream)
    assert sum(map(sounds.flac_bytes, short)) <= budget
    assert 0.5 < short[0].seconds < 1.5


def test_of_many_members_some_are_heard_and_rates_are_what_browsers_play(small_bundle, tmp_path):
    import base64
    import io

    import soundfile

    read = read_bundle(sounding(small_bundle, tmp_path / "bundle", seconds=0.6))
    goldens, stream = read_goldens(read), read.manifest.members[0].io.stream
    many = replace(goldens, outputs=tuple((f"m{index}", goldens.outputs[0][1]) for index in range(20)))
    names = [name for name, _ in sounds.excerpts_of(many, stream)[0].sources]
    assert (len(names), names[1], names[-1]) == (1 + sounds.MAX_MEMBERS, "m0", "m19")
    fast = sounds.excerpts_of(goldens, replace(stream, sample_rate=96_000))[0]
    assert soundfile.info(io.BytesIO(base64.b64decode(fast.mixture.flac))).samplerate == 48_000
    assert fast.top_khz == 24
    assert sounds.excerpts_of(goldens, replace(stream, sample_rate=1_000)) == ()


def test_tracks_hold_the_samples_of_the_goldens(small_bundle, tmp_path):
    import base64
    import io

    import soundfile

    read = read_bundle(sounding(small_bundle, tmp_path / "bundle"))
    goldens = read_goldens(read)
    (excerpt, _) = sounds.excerpts_of(goldens, read.manifest.members[0].io.stream)
    (_, reference), (_, same), (_, half) = excerpt.sources
    assert reference[0].flac == same[0].flac
    vocals, rate = soundfile.read(io.BytesIO(base64.b64decode(reference[0].flac)))
    quiet, _ = soundfile.read(io.BytesIO(base64.b64decode(half[0].flac)))
    assert rate == 16000
    np.testing.assert_allclose(vocals, goldens.targets[0][0, 0], atol=1e-4)
    np.testing.assert_allclose(quiet, vocals / 2, atol=1e-4)


def test_goldens_of_a_stranger_s_mother_are_described(small_bundle, tmp_path):
    bundle = changed(small_bundle, tmp_path / "bundle")
    page = page_of(with_goldens(bundle, {"w0.25": np.linspace(-1, 3, 64 * 4, dtype=np.float32).reshape(64, 2, 2)}))
    assert "neither sounds nor scores of classes" in page.text
    assert "64 × 2 × 2 -1 … 3" in page.text


def test_without_goldens_and_without_a_metric_it_says_so(small_bundle, tmp_path):
    def edit(manifest, numerics):
        manifest["members"][0]["metric"] = None
        manifest["recorded"]["held_out"] = None
        for run in numerics["members"][0]["runs"]:
            run["metric"] = None

    bundle = changed(small_bundle, tmp_path / "bundle", edit)
    shutil.rmtree(bundle / "goldens")
    page = page_of(bundle)
    assert "The goldens are not in this bundle" in page.text
    assert page.text.count("There is no held-out set with targets, so no quality is known.") == 2


def renamed(manifest, numerics):
    numerics["members"][0]["name"] = "other"


def endless(manifest, numerics):
    numerics["members"][0]["runs"][0]["agreement"]["max_abs"] = float("inf")


def twice(manifest, numerics):
    add_member(manifest, numerics, "w0.25")


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (renamed, "name other members"),
        (endless, "a number that is not finite"),
        (twice, "names a member or an artifact twice"),
        (lambda manifest, numerics: manifest.pop("tools"), "manifest.json is not valid"),
    ],
)
def test_a_damaged_bundle_is_one_line_and_no_page(edit, message, small_bundle, tmp_path):
    bundle = changed(small_bundle, tmp_path / "bundle", edit)
    with pytest.raises(RequestError, match=message) as error:
        write_report(bundle, tmp_path / "report.html")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "report.html").exists()


def test_damaged_goldens_leave_the_page_of_before(small_bundle, tmp_path):
    bundle = changed(small_bundle, tmp_path / "bundle")
    (tmp_path / "report.html").write_text("before")
    golden = bundle / "goldens" / "w0.25.safetensors"
    golden.write_bytes(golden.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(RequestError, match="does not match its sha256"):
        write_report(bundle, tmp_path / "report.html")
    with_goldens(bundle, {"w0.25": np.zeros((3, 10), np.float32)})
    with pytest.raises(RequestError, match="not of one count"):
        write_report(bundle, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == "before"
    with pytest.raises(RequestError, match="is a folder: give a file"):
        write_report(bundle, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "report.html"]
