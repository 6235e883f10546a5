"""The shipped music: mixtures with audible vocals, and what made them still makes the same music."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_export.cache import cache_folder
from edge_export.data.debian import unpacked_folder
from edge_export.data.excerpts import FOLDER, HELD_OUT_SECONDS, SAMPLE_RATE, open_excerpts
from edge_export.data.musdb import find_tracks, read_source
from edge_export.data.songs import SongBook, render_song, synthesizer
from edge_export.data.sources import PACKAGES, SOURCES
from edge_export.data.write_excerpts import PASSED_ON, START, recorded_excerpts
from edge_export.errors import RequestError
from edge_export.training.losses import si_sdr


def test_excerpts_are_music_with_vocals_near_0_db() -> None:
    excerpts = open_excerpts()
    assert excerpts.mixtures.shape == excerpts.vocals.shape == (8, 1, 10 * SAMPLE_RATE)
    assert excerpts.calibration.shape == (16, 1, 3 * SAMPLE_RATE)
    for audio in (excerpts.calibration, excerpts.mixtures, excerpts.vocals):
        assert audio.square().mean(-1).sqrt().min() > 0.01
        assert audio.abs().max() < 1.0
    assert (si_sdr(excerpts.mixtures, excerpts.vocals).abs() < 6.0).all()


def test_rendered_excerpts_are_what_the_generator_renders(tmp_path: Path) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs the Debian package espeak-ng")
    try:
        synthesizer()
    except RequestError as error:
        pytest.skip(str(error))
    render_song(tmp_path, SongBook(), "train", 0)
    (track,) = find_tracks(tmp_path, "train")
    rendered = torch.from_numpy(read_source(track, "mixture", SAMPLE_RATE, 1, START, 3 * SAMPLE_RATE))
    # Other versions of the programs or of the soundfont render slightly different audio.
    assert correlation(rendered, open_excerpts().calibration[0]) > 0.9


def test_recorded_excerpts_are_what_the_packages_give() -> None:
    """The first held-out song. The vocoder's last bits differ between machines."""
    pytest.importorskip("pyworld", reason="recorded songs need pip install edge_export[training]")
    pytest.importorskip("pedalboard", reason="recorded songs need pip install edge_export[training]")
    packages = cache_folder() / "recorded"
    names = {PACKAGES[source.package] for source in SOURCES if source.name in PASSED_ON["test"]}
    if missing := [package.name for package in names if not unpacked_folder(package, packages).is_dir()]:
        pytest.skip(f"needs {', '.join(sorted(missing))}, which training on recorded songs fetches")
    mixture, vocals = next(recorded_excerpts("test", packages, HELD_OUT_SECONDS))
    excerpts = open_excerpts()
    assert correlation(torch.from_numpy(mixture), excerpts.mixtures[0]) > 0.9
    assert correlation(torch.from_numpy(vocals), excerpts.vocals[0]) > 0.9


def test_recordings_that_are_passed_on_have_licenses_that_allow_it() -> None:
    for split, names in PASSED_ON.items():
        sources = [source for source in SOURCES if source.name in names]
        assert len(sources) == len(names)
        assert {source.split for source in sources} == {split}
        assert {PACKAGES[source.package].license for source in sources} <= {"CC-BY-3.0", "CC-BY-SA-3.0", "Expat"}
        text = (FOLDER / "SOURCES.md").read_text()
        assert all(source.package.removesuffix("-g722").rsplit("-", 1)[0] in text for source in sources)


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(np.corrcoef(a.flatten().numpy(), b.flatten().numpy())[0, 1])
