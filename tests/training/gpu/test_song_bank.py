"""Songs in memory: examples are pieces of their files, varied as far as was asked, the same for the same seed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import soundfile as sf
import torch
from torch import Tensor

from edge_export.data.musdb import SOURCES, ChunkPlan, Track, find_tracks
from edge_export.errors import RequestError
from edge_export.training.gpu.song_bank import (
    BANDS,
    Places,
    SongBank,
    Variation,
    equalize,
    equalizer_points,
)

RATE, SAMPLES = 16000, 4000
CPU = torch.device("cpu")
PLAIN = Variation(equalized=0.0, replayed=0.0)


def plan(stems: tuple[str, ...] = ("vocals", "accompaniment"), batch: int = 8, **shares: float) -> ChunkPlan:
    """A plan without any variation but `shares`."""
    none = {"remix": 0.0, "silent": 0.0, "gain_db": 0.0, "level_db": 0.0}
    return ChunkPlan(stems, RATE, 1, SAMPLES, batch, **{**none, **shares})


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    """Two songs of noise, 0.5 and 0.75 s long, whose stems are 16-bit files."""
    rng, root = np.random.default_rng(0), tmp_path_factory.mktemp("songs")
    for number, samples in enumerate((8000, 12000)):
        folder = root / "train" / f"song {number}"
        folder.mkdir(parents=True)
        for name in ("mixture", *SOURCES):
            sf.write(folder / f"{name}.wav", rng.uniform(-0.2, 0.2, samples), RATE, subtype="PCM_16")
    return find_tracks(root, "train")


def files(track: Track, names: tuple[str, ...]) -> Tensor:
    return torch.from_numpy(sum(sf.read(track.path / f"{name}.wav", dtype="float32")[0] for name in names))


def place_of(piece: Tensor, songs: list[Tensor]) -> tuple[int, int]:
    """Returns the number of the song in which `piece` lies, and where; fails if it lies in none."""
    far = [(song.unfold(0, 16, 1) - piece[:16]).abs().amax(dim=1) for song in songs]
    number = min(range(len(songs)), key=lambda n: far[n].min().item())
    start = int(far[number].argmin())
    torch.testing.assert_close(piece, songs[number][start : start + len(piece)], rtol=0, atol=1e-6)
    return number, start


def test_without_variation_examples_are_pieces_of_the_files(tracks: list[Track]) -> None:
    mixtures, stems = SongBank(tracks, plan(), CPU, variation=PLAIN).draw(torch.Generator().manual_seed(0))
    assert mixtures.shape == (8, 1, SAMPLES)
    assert stems.shape == (8, 2, 1, SAMPLES)
    torch.testing.assert_close(mixtures, stems.sum(dim=1))
    voices = [files(track, ("vocals",)) for track in tracks]
    places = [place_of(vocals, voices) for vocals in stems[:, 0, 0]]
    assert len(set(places)) == 8
    assert {song for song, _ in places} == {0, 1}
    for (song, start), accompaniment in zip(places, stems[:, 1, 0], strict=True):
        whole = files(tracks[song], ("drums", "bass", "other"))
        torch.testing.assert_close(accompaniment, whole[start : start + SAMPLES], rtol=0, atol=1e-6)


def test_the_seed_decides_the_examples(tracks: list[Track]) -> None:
    bank = SongBank(tracks, plan(remix=0.5, silent=0.1, gain_db=5.0, level_db=8.0), CPU)
    again = SongBank(tracks, plan(remix=0.5, silent=0.1, gain_db=5.0, level_db=8.0), CPU)
    first, second = (each.draw(torch.Generator().manual_seed(3)) for each in (bank, again))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], bank.draw(torch.Generator().manual_seed(4))[0])
    generator = torch.Generator().manual_seed(3)
    assert not torch.equal(bank.draw(generator)[0], bank.draw(generator)[0])


def test_what_is_no_stem_is_in_the_mixture(tracks: list[Track]) -> None:
    bank = SongBank(tracks, plan(("drums", "vocals")), CPU, variation=PLAIN)
    mixtures, stems = bank.draw(torch.Generator().manual_seed(0))
    assert stems.shape == (8, 2, 1, SAMPLES)
    assert (mixtures - stems.sum(dim=1)).abs().amax(dim=(1, 2)).min() > 0.1


def test_examples_without_vocals_are_as_many_as_asked(tracks: list[Track]) -> None:
    mixtures, stems = SongBank(tracks, plan(silent=0.25, batch=64), CPU).draw(torch.Generator().manual_seed(0))
    silent = stems[:, 0].abs().amax(dim=(1, 2)) == 0
    assert 8 <= int(silent.sum()) <= 24
    assert torch.equal(mixtures[silent], stems[silent, 1])
    assert not bool((stems[:, 1].abs().amax(dim=(1, 2)) == 0).any())


def test_gains_are_within_the_limits(tracks: list[Track]) -> None:
    def levels(**shares: float) -> Tensor:
        bank = SongBank(tracks, plan(batch=64, **shares), CPU, variation=PLAIN)
        stems = bank.draw(torch.Generator().manual_seed(0))[1]
        return 20 * torch.log10(stems.square().mean(dim=(2, 3)).sqrt())

    one, example = levels(gain_db=5.0) - levels(), levels(level_db=8.0) - levels()
    assert 4.0 < one.abs().max() <= 5.001
    assert 7.0 < example.abs().max() <= 8.001
    torch.testing.assert_close(example[:, 0], example[:, 1], rtol=0, atol=1e-3)
    assert (one[:, 0] - one[:, 1]).abs().max() > 3.0


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> SongBank:
    """A song of 1 s: 500 Hz in every source."""
    folder = tmp_path_factory.mktemp("tones") / "train" / "tone"
    folder.mkdir(parents=True)
    for name in ("mixture", *SOURCES):
        sf.write(folder / f"{name}.wav", 0.2 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE), RATE)
    return SongBank(find_tracks(folder.parent.parent, "train"), plan(batch=1), CPU)


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.12])
def test_a_faster_replay_is_higher(tones: SongBank, speed: float) -> None:
    at_start = Places(torch.zeros(1, 2, dtype=torch.long), torch.zeros(1, 2), torch.full((1, 2), speed))
    found = tones.replay(at_start)[0, :, 0].double()
    tone = 0.2 * torch.sin(2 * torch.pi * 500 * speed * torch.arange(SAMPLES, dtype=torch.float64) / RATE)
    assert (found[0] - tone).square().mean() < 1e-5 * tone.square().mean()
    assert (found[1] - 3 * tone).square().mean() < 1e-5 * (3 * tone).square().mean()
    other = 0.2 * torch.sin(2 * torch.pi * 503 * speed * torch.arange(SAMPLES, dtype=torch.float64) / RATE)
    assert (found[0] - other).square().mean() > 1e-5 * tone.square().mean()


def test_past_the_end_of_a_song_is_silence(tracks: list[Track]) -> None:
    long = ChunkPlan(("vocals", "accompaniment"), RATE, 1, 20000, 1)
    bank = SongBank(tracks, long, CPU)
    places = Places(torch.zeros(1, 2, dtype=torch.long), torch.full((1, 2), 0.9), torch.ones(1, 2))
    vocals = bank.replay(places)[0, 0, 0]
    assert torch.equal(vocals[:8000], files(tracks[0], ("vocals",)))
    assert not vocals[8000:].any()


def test_an_equalizer_has_its_gains_at_its_points() -> None:
    frequencies = torch.tensor([0, 125, 250, 500, 1000, 2000, 4000, 8000])
    gains_db = torch.tensor([-3.0, 2.0, 6.0, -6.0, 0.0, 3.0, -1.0, 4.0])
    shares = equalizer_points(SAMPLES, RATE)
    assert shares.shape == (BANDS, SAMPLES // 2 + 1)
    torch.testing.assert_close(shares.sum(dim=0), torch.ones(SAMPLES // 2 + 1))
    noise = torch.randn(1, SAMPLES, generator=torch.Generator().manual_seed(0))
    ratio = torch.fft.rfft(equalize(noise, gains_db @ shares)) / torch.fft.rfft(noise)
    # 0.25 s of sound have a bin every 4 Hz, so that 125 Hz lies between two.
    measured = 20 * torch.log10(ratio.abs()[0, (frequencies / 4).round().long()])
    torch.testing.assert_close(measured, gains_db, rtol=0, atol=0.1)


def test_half_of_the_stems_pass_an_equalizer(tracks: list[Track]) -> None:
    def draw(equalized: float) -> Tensor:
        bank = SongBank(tracks, plan(batch=32), CPU, variation=Variation(equalized=equalized, replayed=0.0))
        return bank.draw(torch.Generator().manual_seed(0))[1]

    change = (draw(0.5) - draw(0.0)).square().mean(dim=(2, 3)) / draw(0.0).square().mean(dim=(2, 3))
    assert 16 <= int((change > 1e-4).sum()) <= 48
    assert int((change < 1e-8).sum()) == 64 - int((change > 1e-4).sum())


def test_songs_that_do_not_fit_are_refused_before_they_are_read(tracks: list[Track]) -> None:
    with pytest.raises(RequestError, match=r"training songs take [\d.]+ GB, training 0\.0 GB, and cpu has"):
        SongBank([*tracks, dataclasses.replace(tracks[0], samples=10**15)], plan(), CPU)
    with pytest.raises(RequestError, match=r"training 1000000\.0 GB"):
        SongBank(tracks, plan(), CPU, reserved=10**15)
