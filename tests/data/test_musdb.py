"""Reading MUSDB18-HQ's layout: any sample rate, random chunks, remixes, and errors that name the track."""

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from edge_export.data.musdb import SOURCES, ChunkPlan, draw_batch, find_tracks, mix_stems, read_source
from edge_export.errors import RequestError

STEMS = ("vocals", "accompaniment")


def write_track(folder: Path, rate: int = 16000, channels: int = 1, seconds: float = 1.0, hertz: float = 200.0) -> Path:
    folder.mkdir(parents=True)
    time = np.arange(int(rate * seconds)) / rate
    total = np.zeros((len(time), channels))
    for i, name in enumerate(SOURCES):
        audio = np.stack([0.1 * np.sin(2 * np.pi * hertz * (i + 1) * time)] * channels, axis=1)
        total += audio
        sf.write(folder / f"{name}.wav", audio, rate, subtype="FLOAT")
    sf.write(folder / "mixture.wav", total, rate, subtype="FLOAT")
    return folder


def test_tracks_are_found_sorted(tmp_path: Path) -> None:
    write_track(tmp_path / "train" / "b")
    write_track(tmp_path / "train" / "a", rate=44100, channels=2)
    tracks = find_tracks(tmp_path, "train")
    assert [(t.path.name, t.sample_rate, t.samples) for t in tracks] == [("a", 44100, 44100), ("b", 16000, 16000)]


def test_source_is_resampled_and_made_mono(tmp_path: Path) -> None:
    write_track(tmp_path / "train" / "a", rate=44100, channels=2)
    (track,) = find_tracks(tmp_path, "train")
    audio = read_source(track, "vocals", 16000, 1)
    assert audio.shape == (1, 16000)
    expected = 0.1 * np.sin(2 * np.pi * 200 * np.arange(16000) / 16000)
    assert np.abs(audio[0] - expected)[200:-200].max() < 1e-3
    part = read_source(track, "vocals", 16000, 1, start=0.5, samples=3000)
    assert np.abs(part[0] - expected[8000:11000])[200:-200].max() < 1e-3
    assert read_source(track, "vocals", 16000, 2, start=0.9, samples=5000).shape == (2, 5000)


def test_examples_sum_to_their_mixture_and_follow_the_generator(tmp_path: Path) -> None:
    for i in range(3):
        write_track(tmp_path / "train" / f"t{i}", seconds=1.0 + i, hertz=150.0 + 40 * i)
    tracks, plan = find_tracks(tmp_path, "train"), ChunkPlan(STEMS, 16000, 1, 8000, 4)
    mixture, stems = draw_batch(tracks, plan, np.random.default_rng(0))
    assert mixture.shape == (4, 1, 8000)
    assert stems.shape == (4, 2, 1, 8000)
    assert torch.allclose(stems.sum(1), mixture, atol=1e-6)
    again, _ = draw_batch(tracks, plan, np.random.default_rng(0))
    other, _ = draw_batch(tracks, plan, np.random.default_rng(1))
    assert torch.equal(mixture, again)
    assert not torch.equal(mixture, other)


def test_the_share_of_examples_without_vocals_is_what_was_asked_for(tmp_path: Path) -> None:
    write_track(tmp_path / "train" / "t", seconds=1.0, hertz=150.0)
    tracks = find_tracks(tmp_path, "train")
    for silent, expected in ((0.0, 0), (0.25, 16), (1.0, 64)):
        plan = ChunkPlan(STEMS, 16000, 1, 800, 64, silent=silent)
        _, stems = draw_batch(tracks, plan, np.random.default_rng(0))
        without_vocals = int((stems[:, 0].abs().amax(dim=(1, 2)) == 0.0).sum())
        assert abs(without_vocals - expected) <= 64 * silent * (1 - silent)
        assert (stems[:, 1].abs().amax(dim=(1, 2)) > 0.0).all()


def test_accompaniment_is_what_is_no_stem() -> None:
    sources = torch.arange(4.0).view(1, 4, 1, 1)
    assert mix_stems(sources, ("bass", "accompaniment")).flatten().tolist() == [2.0, 4.0]
    with pytest.raises(RequestError, match="piano"):
        mix_stems(sources, ("piano",))


def test_folders_without_tracks_and_broken_tracks_are_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no tracks"):
        find_tracks(tmp_path, "train")
    (write_track(tmp_path / "train" / "a") / "bass.wav").unlink()
    (write_track(tmp_path / "train" / "b") / "bass.wav").write_bytes(b"noise")
    short = write_track(tmp_path / "train" / "c")
    sf.write(short / "bass.wav", np.zeros(10), 16000)
    with pytest.raises(RequestError, match=r"a: .*b: .*c: .*differ.*3 in all"):
        find_tracks(tmp_path, "train")
