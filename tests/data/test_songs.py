"""Rendered songs: equal for equal seeds, in the layout, audible, not clipped; errors name Debian packages."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from edge_export.data import singing
from edge_export.data.composition import compose
from edge_export.data.musdb import find_tracks
from edge_export.data.songs import STEMS, SongBook, render_song, render_songs, synthesizer
from edge_export.errors import RequestError

BOOK = SongBook(train=1, test=1, seed=7, seconds=(6.0, 7.0))


@pytest.fixture
def programs() -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs the Debian package espeak-ng")
    try:
        synthesizer()
    except RequestError as error:
        pytest.skip(str(error))


def read(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: sf.read(path, dtype="int16", always_2d=True)[0].astype(int) for path in folder.glob("*.wav")}


@pytest.mark.usefixtures("programs")
def test_songs_are_whole_audible_and_sum_to_their_mixture(tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    render_songs(tmp_path, BOOK, processes=2, on_progress=lambda done, of: reports.append((done, of)))
    assert reports[0] == (0, 2)
    assert reports[-1] == (2, 2)
    for part in ("train", "test"):
        (track,) = find_tracks(tmp_path, part)
        assert track.sample_rate == 16000
        audio = read(track.path)
        assert set(audio) == {"mixture", *STEMS}
        assert np.array_equal(audio["mixture"], sum(audio[name] for name in STEMS))
        assert 0.3 < np.abs(audio["mixture"]).max() / 32768 < 0.99
        levels = {name: 10 * np.log10(np.mean((samples / 32768) ** 2)) for name, samples in audio.items()}
        assert min(levels.values()) > -50
        rest = audio["mixture"] - audio["vocals"]
        assert abs(levels["vocals"] - 10 * np.log10(np.mean((rest / 32768) ** 2))) < 10
    render_songs(tmp_path, BOOK, on_progress=lambda done, of: reports.append((done, of)))
    assert reports[-1] == (2, 2)


@pytest.mark.usefixtures("programs")
def test_one_seed_is_one_song(tmp_path: Path) -> None:
    first, again = render_song(tmp_path / "a", BOOK, "train", 3), render_song(tmp_path / "b", BOOK, "train", 3)
    other = render_song(tmp_path / "a", BOOK, "test", 3)
    for name in STEMS:
        assert (first / f"{name}.wav").read_bytes() == (again / f"{name}.wav").read_bytes()
        assert (first / f"{name}.wav").read_bytes() != (other / f"{name}.wav").read_bytes()


@pytest.mark.usefixtures("programs")
def test_a_sung_note_has_the_wanted_pitch_and_length() -> None:
    voice = singing.Voice("en-us+f2", 60, 140)
    word = singing.speak("love", voice, monotone=True)
    for hertz in (150.0, 220.0, 330.0):
        sung = singing.sing(word, np.full(singing.ESPEAK_RATE, hertz))
        assert len(sung) == singing.ESPEAK_RATE
        assert singing.fundamental(sung[3000:]) == pytest.approx(hertz, rel=0.03)


@pytest.mark.usefixtures("programs")
def test_stereo_at_44100_hz(tmp_path: Path) -> None:
    book = SongBook(train=1, test=0, seconds=(5.0, 6.0), sample_rate=44100, channels=2)
    info = sf.info(render_song(tmp_path, book, "train", 0) / "mixture.wav")
    assert (info.samplerate, info.channels) == (44100, 2)


def test_melodies_differ_between_songs() -> None:
    songs = [compose(np.random.default_rng([0, part, i]), 20.0) for part in range(2) for i in range(20)]
    melodies = [tuple(round(note.hertz) for note in song.sung) for song in songs if song.sung]
    assert len(set(melodies)) == len(melodies)
    assert len({song.voice for song in songs}) > 20


def test_missing_programs_are_named_as_debian_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("edge_export.data.songs.SOUNDFONT_FOLDERS", (str(tmp_path),))
    with pytest.raises(RequestError, match="apt-get install fluidsynth fluid-soundfont-gm") as caught:
        render_songs(tmp_path, BOOK)
    assert "\n" not in str(caught.value)
    with pytest.raises(RequestError, match="apt-get install espeak-ng"):
        singing.espeak_program()


@pytest.mark.parametrize("wrong", [{"train": 0, "test": 0}, {"seconds": (1.0, 2.0)}, {"channels": 3}])
def test_impossible_books_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(RequestError):
        SongBook(**wrong)  # type: ignore[arg-type]
