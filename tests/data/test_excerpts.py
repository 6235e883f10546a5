"""The shipped music: mixtures with audible vocals, and the generator still renders the same music."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from edge_export.data.excerpts import SAMPLE_RATE, START, open_excerpts
from edge_export.data.musdb import find_tracks, read_source
from edge_export.data.songs import SongBook, render_song, synthesizer
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


def test_excerpts_are_what_the_generator_renders(tmp_path: Path) -> None:
    if shutil.which("espeak-ng") is None:
        pytest.skip("needs the Debian package espeak-ng")
    try:
        synthesizer()
    except RequestError as error:
        pytest.skip(str(error))
    render_song(tmp_path, SongBook(), "test", 0)
    (track,) = find_tracks(tmp_path, "test")
    rendered = torch.from_numpy(read_source(track, "mixture", SAMPLE_RATE, 1, START, 10 * SAMPLE_RATE))
    shipped = open_excerpts().mixtures[0]
    # Other versions of the programs or of the soundfont render slightly different audio.
    correlation = np.corrcoef(rendered.numpy(), shipped.numpy())[0, 1]
    assert correlation > 0.9
