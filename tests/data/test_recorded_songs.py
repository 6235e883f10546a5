"""Tracks of recorded sound: the layout, the exact sum, one seed one track, what is there is kept."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from edge_export.data.corpus import Corpus, open_corpus
from edge_export.data.musdb import find_tracks
from edge_export.data.music import Music, open_music, recorded_songs
from edge_export.data.recorded_songs import (
    STEMS,
    RecordedBook,
    render_recorded_songs,
    render_track,
    split_name,
    track_audio,
    track_name,
)
from edge_export.data.sound_chains import CHAINS
from edge_export.data.sources import SOURCES, Source
from edge_export.errors import RequestError

pytest.importorskip("pyworld", reason="recorded songs need pip install edge_export[training]")
pytest.importorskip("pedalboard", reason="recorded songs need pip install edge_export[training]")

BOOK = RecordedBook(train=2, validation=1, test=1, seconds=(5.0, 6.0))


@pytest.fixture(autouse=True)
def _made_sources(package: tuple[Source, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_export.data.corpus.sources_of", lambda split: package)


@pytest.fixture
def corpus(tmp_path: Path, package: tuple[Source, ...]) -> Corpus:
    return open_corpus("train", tmp_path, package)


def read(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: sf.read(path, dtype="int16", always_2d=True)[0].astype(int) for path in folder.glob("*.wav")}


def active_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean((samples / 32768) ** 2) + 1e-12))


def test_every_split_is_rendered_and_rendered_once(tmp_path: Path, package: tuple[Source, ...]) -> None:
    out, reports = tmp_path / "out", []
    render_recorded_songs(out, tmp_path, BOOK, on_progress=lambda done, of: reports.append((done, of)))
    assert reports[-1] == (4, 4)
    for split, count in BOOK.counts.items():
        tracks = find_tracks(out, split)
        assert [track.path.name for track in tracks] == [track_name(split, i) for i in range(count)]
        for track in tracks:
            audio = read(track.path)
            assert set(audio) == {"mixture", *STEMS}
            assert np.array_equal(audio["mixture"], sum(audio[name] for name in STEMS))
            assert 0.35 < np.abs(audio["mixture"]).max() / 32768 < 0.97 or np.abs(audio["vocals"]).max() / 32768 > 0.35
            assert active_db(audio["vocals"]) > -50
            assert active_db(audio["other"]) > -50
            assert 5 * 16000 <= track.samples <= 6 * 16000
    assert sorted(path.name for path in out.iterdir()) == ["test", "train", "validation"]
    kept = (out / "train" / track_name("train", 0) / "mixture.wav").stat().st_mtime_ns
    shutil.rmtree(out / "train" / track_name("train", 1))
    render_recorded_songs(out, tmp_path, BOOK, on_progress=lambda done, of: reports.append((done, of)))
    assert reports[-2:] == [(3, 4), (4, 4)] or reports[-1] == (4, 4)
    assert (out / "train" / track_name("train", 0) / "mixture.wav").stat().st_mtime_ns == kept
    assert len(find_tracks(out, "train")) == 2


def test_one_seed_is_one_track_and_each_track_is_another(tmp_path: Path, corpus: Corpus) -> None:
    first, again = (render_track(tmp_path / name, corpus, BOOK, "train", 0) for name in ("a", "b"))
    other = render_track(tmp_path / "a", corpus, BOOK, "train", 1)
    test = render_track(tmp_path / "a", corpus, BOOK, "test", 0)
    for name in ("vocals", "other", "mixture"):
        assert (first / f"{name}.wav").read_bytes() == (again / f"{name}.wav").read_bytes()
        assert (first / f"{name}.wav").read_bytes() != (other / f"{name}.wav").read_bytes()
        assert (first / f"{name}.wav").read_bytes() != (test / f"{name}.wav").read_bytes()


def test_stereo_at_44100_hz(tmp_path: Path, corpus: Corpus) -> None:
    book = RecordedBook(train=1, validation=0, test=0, seconds=(4.0, 4.5), sample_rate=44100, channels=2)
    folder = render_track(tmp_path / "out", corpus, book, "train", 0)
    info = sf.info(folder / "mixture.wav")
    assert (info.samplerate, info.channels) == (44100, 2)
    audio = read(folder)
    assert np.array_equal(audio["mixture"], audio["vocals"] + audio["other"])
    assert not np.array_equal(audio["other"][:, 0], audio["other"][:, 1])


def test_balance_and_passages_are_those_of_mixes(corpus: Corpus) -> None:
    """Over many tracks: vocals about as loud as the rest, both absent at times."""
    balances, voiceless, bare = [], 0, 0
    for index in range(24):
        stems = track_audio(np.random.default_rng([9, index]), corpus, BOOK, "train")
        blocks = {
            name: (stems[name][0][: 16000 * 5] ** 2).reshape(-1, 4000).mean(axis=1) for name in ("vocals", "other")
        }
        balances.append(10 * np.log10(blocks["vocals"].mean() / blocks["other"].mean()))
        voiceless += bool((blocks["vocals"] < 1e-4 * blocks["vocals"].max()).sum() >= 2)
        bare += bool((blocks["other"] < 1e-6 * blocks["other"].max()).sum() >= 2)
    assert -8 < np.median(balances) < 5
    assert np.std(balances) > 1.5
    assert voiceless >= 3
    assert 0 < bare < 12


def test_voices_may_speak_only_and_nothing_be_treated(
    tmp_path: Path, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("not asked for")

    monkeypatch.setattr("edge_export.data.vocals._sung", refused)
    render_track(tmp_path / "spoken", corpus, replace(BOOK, sung=False), "train", 0)
    for treatment in ("vocals.treat_voice", "accompaniment.treat_music", "recorded_songs._mastered"):
        monkeypatch.setattr(f"edge_export.data.{treatment}", refused)
    dry = read(render_track(tmp_path / "dry", corpus, replace(BOOK, sung=False, effects=False), "train", 0))
    assert np.array_equal(dry["mixture"], dry["vocals"] + dry["other"])
    for change in ({"sung": False}, {"effects": False}):
        assert split_name(replace(BOOK, **change), "train") != split_name(BOOK, "train")


def test_the_test_split_has_effects_of_its_own() -> None:
    train, test = CHAINS["train"], CHAINS["test"]
    assert not set(train.spaces) & set(test.spaces)
    assert not set(train.codecs) & set(test.codecs)
    for name in ("slap", "drive_db"):
        assert getattr(train, name)[1] <= getattr(test, name)[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"train": 0, "validation": 0, "test": 0},
        {"train": -1},
        {"seconds": (1.0, 2.0)},
        {"channels": 3},
        {"sample_rate": 8000},
    ],
)
def test_impossible_books_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(RequestError):
        RecordedBook(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("library", ["pyworld", "pedalboard"])
def test_a_missing_library_is_named(corpus: Corpus, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(RequestError, match=rf'{library} is missing.*pip install "edge_export\[training\]"'):
        track_audio(np.random.default_rng(0), corpus, BOOK, "train")


def test_recorded_music_is_opened_by_its_name(
    tmp_path: Path, package: tuple[Source, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("edge_export.data.music.RecordedBook", lambda: BOOK)
    debs = tmp_path / "cache" / "recorded" / "debs"
    debs.parent.mkdir(parents=True)
    (tmp_path / "debs").rename(debs)
    (music,) = open_music("recorded")
    assert len(find_tracks(music.folder, "train")) == 2
    both = open_music(f"recorded,{music.folder}")
    assert both == (music, Music(music.folder.name, music.folder))
    with pytest.raises(RequestError, match="twice"):
        open_music("recorded,recorded")


def test_a_split_is_rendered_anew_only_if_its_own_sources_or_effects_change(
    package: tuple[Source, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(book: RecordedBook = BOOK) -> dict[str, str]:
        return {split: split_name(book, split) for split in book.counts}

    before = names()
    assert len(set(before.values())) == 3
    monkeypatch.setattr("edge_export.data.sources.SOURCES", (*SOURCES, package[2]))
    more_music = names()
    assert more_music["train"] != before["train"]
    assert {**more_music, "train": ""} == {**before, "train": ""}
    monkeypatch.setattr("edge_export.data.sources.SOURCES", (*SOURCES, replace(package[2], without=("song",))))
    assert names()["train"] not in (before["train"], more_music["train"])
    monkeypatch.setattr("edge_export.data.sources.SOURCES", (*SOURCES, replace(package[2], minutes=0.8)))
    assert names() == more_music
    monkeypatch.setattr("edge_export.data.sources.SOURCES", SOURCES)
    monkeypatch.setitem(CHAINS, "test", replace(CHAINS["test"], t60=(0.8, 2.6)))
    assert names() == {**before, "test": names()["test"]}
    assert names()["test"] != before["test"]
    assert names(replace(BOOK, validation=2))["validation"] != before["validation"]


def test_tracks_of_other_sources_are_not_taken_for_new_ones(
    tmp_path: Path, package: tuple[Source, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    debs = tmp_path / "cache" / "recorded" / "debs"
    debs.parent.mkdir(parents=True)
    (tmp_path / "debs").rename(debs)
    before = recorded_songs(BOOK)
    assert recorded_songs(BOOK) == before
    monkeypatch.setattr("edge_export.data.sources.SOURCES", (*SOURCES, package[2]))
    after = recorded_songs(BOOK)
    assert after != before
    for split in BOOK.counts:
        assert ((after / split).resolve() == (before / split).resolve()) == (split != "train")
        assert len(find_tracks(after, split)) == BOOK.counts[split]
