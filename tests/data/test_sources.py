"""The table of sources: nobody and nothing is in two splits; each source is found, read, and refused when damaged."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from edge_export.cache import cache_folder
from edge_export.data.corpus import find_clips, open_corpus, read_clip, trimmed
from edge_export.data.debian import unpacked_folder
from edge_export.data.sources import EXCLUDED, PACKAGES, SOURCES, SPLITS, Source, sources_of
from edge_export.errors import RequestError


def test_no_speaker_no_language_and_no_music_is_in_two_splits() -> None:
    splits = defaultdict(set)
    for source in SOURCES:
        if source.kind == "music":
            splits[source.package].add(source.split)
            continue
        splits[source.speaker].add(source.split)
        language = re.search(r"(?:sounds|tuxpaint|fillets|ktuberling|hedgewars|0ad)-([a-z]+)", source.name)
        assert language is not None
        splits[f"language {language[1]}"].add(source.split)
    assert {name: found for name, found in splits.items() if len(found) > 1} == {}


def test_the_table_is_whole() -> None:
    assert len({source.name for source in SOURCES}) == len(SOURCES)
    assert {source.package for source in SOURCES} == set(PACKAGES)
    assert all(re.fullmatch("[0-9a-f]{64}", package.sha256) and package.license for package in PACKAGES.values())
    for split in SPLITS:
        kinds = {source.kind for source in sources_of(split)}
        assert kinds == {"speech", "music"}, split
        for kind in kinds:
            assert sum(source.minutes for source in sources_of(split) if source.kind == kind) > 20.0
    # A pattern of one source takes no file of another.
    patterns = [(source.package, pattern) for source in SOURCES for pattern in source.files]
    assert len(set(patterns)) == len(patterns)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_fetched_source_has_its_minutes_and_is_sound(source: Source) -> None:
    root = unpacked_folder(PACKAGES[source.package], cache_folder() / "recorded")
    if not root.is_dir():
        pytest.skip(f"{root.name} is not in the cache; training fetches it")
    clips = find_clips(source, root)
    assert sum(clip.seconds for clip in clips) / 60 == pytest.approx(source.minutes, abs=0.06)
    for clip in (clips[0], clips[-1]):
        audio = read_clip(clip, 16000, 1, seconds=5.0)
        assert audio.shape[0] == 1
        assert np.isfinite(audio).all()
        assert np.abs(audio).max() > 1e-3


def test_recordings_are_found_by_speaker_and_jingles_left_out(tmp_path: Path, package: tuple[Source, ...]) -> None:
    corpus = open_corpus("train", tmp_path, package)
    assert {name: len(clips) for name, clips in corpus.speech.items()} == {"low": 3, "high": 3}
    assert [clip.paths[0].name for clip in corpus.music["played"]] == ["song.ogg"]
    assert corpus.minutes("speech") == pytest.approx(0.4, abs=0.01)
    (clip,) = corpus.music["played"]
    part = read_clip(clip, 16000, 2, start=3.0, seconds=2.0)
    assert part.shape == (2, 32000)
    whole = read_clip(clip, 16000, 2)
    assert np.abs(part - whole[:, 48000:80000])[:, 200:-200].max() < 1e-3


def test_files_that_sound_together_are_added(tmp_path: Path, package: tuple[Source, ...]) -> None:
    root = open_corpus("train", tmp_path, package).music["played"][0].paths[0].parents[3]
    both = Source("both", "recordings", "music", "train", ("usr/share/played/song.ogg",), 0.7, together=("jingle.ogg",))
    (clip,) = find_clips(both, root)
    alone = read_clip(find_clips(package[2], root)[0], 16000, 1)
    total = read_clip(clip, 16000, 1)
    assert np.abs(total - alone)[0, :30000].max() > 0.1
    assert np.allclose(total[0, 40000:], alone[0, 40000:])


def test_a_damaged_recording_and_a_missing_one_are_named(tmp_path: Path, package: tuple[Source, ...]) -> None:
    root = open_corpus("train", tmp_path, package).music["played"][0].paths[0].parents[3]
    (root / "usr/share/said/low/1.ogg").write_bytes(b"OggS and nothing more")
    with pytest.raises(RequestError, match=r"1\.ogg can't be read .*libsndfile1") as caught:
        open_corpus("train", tmp_path, package)
    assert "\n" not in str(caught.value)
    shutil.rmtree(root / "usr/share/said/low")
    with pytest.raises(RequestError, match="holds no recording of low"):
        open_corpus("train", tmp_path, package)


def test_silence_around_speech_is_cut() -> None:
    audio = np.concatenate([np.zeros(8000), np.full(1600, 0.5), np.zeros(8000)])
    assert len(trimmed(audio, 16000)) == pytest.approx(1600 + 2 * 800, abs=2)
    assert len(trimmed(np.zeros(100), 16000)) == 0


def test_the_page_on_recorded_data_lists_every_source_with_its_license_and_minutes() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "recorded_data.md").read_text()
    for source in SOURCES:
        package = PACKAGES[source.package]
        row = f"| {source.name} | {package.name} {package.version} | {package.license} | {source.minutes} |"
        assert row in page
    for split in SPLITS:
        for kind in ("speech", "music"):
            minutes = sum(source.minutes for source in sources_of(split) if source.kind == kind)
            assert f"| **{split}, {kind}** | | | **{minutes:.1f}** |" in page
    assert all(name in page and reason in page for name, reason in EXCLUDED.items())
    for picture in re.findall(r"\(pictures/([\w.]+)\)", page):
        assert (Path(__file__).resolve().parents[2] / "docs" / "pictures" / picture).stat().st_size < 150_000
