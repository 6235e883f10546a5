"""Runs cover every band once, and cost less than either extreme."""

from __future__ import annotations

from itertools import pairwise

import pytest

from edge_export.baking.separator.band_runs import OPERATOR, runs
from edge_export.mothers.band_split import BSRNN, SEPARATOR


@pytest.mark.parametrize("settings", [SEPARATOR, BSRNN])
def test_runs_are_a_cheap_cover(settings):
    edges = settings.edges
    found = runs(edges, settings.n_fft, 6, 32)
    assert [band for run in found for band in run.bands] == list(pairwise(edges))
    assert all(before.stop == after.start for before, after in pairwise(found))
    assert (found[0].start, found[-1].stop) == (0, settings.n_fft // 4 + 1)
    for run in found:
        for low, high in run.bands:
            assert all(0 <= run.column(k)[1] < run.columns for k in range(low, high))

    def cost(parts):
        return sum(6 * r.columns * 32 * len(r.bands) + OPERATOR for r in parts)

    one = 6 * (settings.n_fft // 4 + 1) * 32 * (len(edges) - 1) + OPERATOR
    assert cost(found) <= one
    assert len(found) < len(edges) - 1
