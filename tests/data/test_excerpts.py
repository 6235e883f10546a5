"""The shipped music: mixtures with audible vocals."""

from edge_export.data.excerpts import SAMPLE_RATE, open_excerpts
from edge_export.training.losses import si_sdr


def test_excerpts_are_music_with_vocals_near_0_db() -> None:
    excerpts = open_excerpts()
    assert excerpts.mixtures.shape == excerpts.vocals.shape == (8, 1, 10 * SAMPLE_RATE)
    assert excerpts.calibration.shape == (32, 1, 3 * SAMPLE_RATE)
    for audio in (excerpts.calibration, excerpts.mixtures, excerpts.vocals):
        assert audio.square().mean(-1).sqrt().min() > 0.01
        assert audio.abs().max() < 1.0
    assert (si_sdr(excerpts.mixtures, excerpts.vocals).abs() < 6.0).all()
