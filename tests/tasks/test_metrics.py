"""The metrics of the tasks, on results with known values."""

from __future__ import annotations

import numpy as np
import pytest

from edge_export.spec.agreement import SNR_LIMIT_DB
from edge_export.tasks import METRICS
from edge_export.tasks.classification import top1
from edge_export.tasks.separation import mixture_si_sdr, si_sdr


def test_top1_counts_what_is_not_finite_as_wrong():
    scores = np.eye(4)
    assert top1(scores, np.arange(4)) == 100.0
    scores[2, 0] = np.nan
    assert top1(scores, np.arange(4)) == 75.0


def test_si_sdr_of_known_noise_whatever_the_scale():
    rng = np.random.default_rng(0)
    targets = rng.standard_normal((3, 2, 1, 4000)).astype(np.float32)
    targets -= targets.mean(-1, keepdims=True)
    noise = rng.standard_normal((3, 1, 4000))
    vocals = targets[:, 0].astype(np.float64)
    noise -= (noise * vocals).sum(-1, keepdims=True) / np.square(vocals).sum(-1, keepdims=True) * vocals
    noise *= np.sqrt(np.square(vocals).sum(-1, keepdims=True) / np.square(noise).sum(-1, keepdims=True)) / 10
    stems = targets.copy()
    stems[:, 0] = 0.3 * (vocals + noise)
    assert si_sdr(stems, targets) == pytest.approx(20.0, abs=0.01)
    stems[1, 0, 0, 7] = np.nan
    assert si_sdr(stems, targets) == -SNR_LIMIT_DB


def test_the_mixture_is_what_doing_nothing_gives():
    targets = np.stack([np.sin(np.arange(8000) * 0.1), np.cos(np.arange(8000) * 0.1)])[None, :, None]
    assert mixture_si_sdr(targets) == pytest.approx(0.0, abs=0.1)
    assert METRICS["si_sdr"].baseline is mixture_si_sdr
