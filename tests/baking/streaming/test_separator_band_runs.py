"""Runs cover every band once, and cost less than one run or one run per band."""

from __future__ import annotations

from itertools import pairwise

import pytest

from edge_export.baking.streaming.band_runs import OPERATOR, runs
from edge_export.baking.streaming.transform import bin_order
from edge_export.mothers.band_split.mother import BSRNN, SEPARATOR


@pytest.mark.parametrize("frames", [1, 16])
@pytest.mark.parametrize("settings", [SEPARATOR, BSRNN])
def test_runs_are_a_cheap_cover(settings, frames):
    edges = settings.edges
    found = runs(edges, settings.n_fft, 6, 32, frames)
    assert [band for run in found for band in run.bands] == list(pairwise(edges))
    assert [k for run in found for k in run.bins] == bin_order(settings.n_fft)
    assert all(before.stop == after.start for before, after in pairwise(found))
    for run in found:
        for band in run.bands:
            assert [run.bins[place] for place in run.places(band)] == list(range(*band))

    def cost(parts):
        return sum(6 * frames * len(r.bins) * 32 * len(r.bands) + OPERATOR for r in parts)

    assert cost(found) <= 6 * frames * edges[-1] * 32 * (len(edges) - 1) + OPERATOR
    assert len(found) < len(edges) - 1


def test_more_frames_pay_for_more_runs():
    one, many = (runs(SEPARATOR.edges, SEPARATOR.n_fft, 3, 32, frames) for frames in (1, 16))
    assert len(one) < len(many)
