"""Projections, gates and mean in one module compute the same as those of the mother."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edge_export.baking.streaming.gated_sum import GatedSum, fold_gates
from edge_export.mothers.band_split.tac import gated_mean


@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("axis", ["time", "band"])
def test_the_gated_mean(axis, width, gated, member, close):
    parallel = getattr(member(width=width).layers[0], axis)
    if gated:
        nn.init.constant_(parallel.gate.transform_activation.weight, -0.7)
        nn.init.constant_(parallel.gate.average_activation.weight, 1.3)
    else:
        parallel.gate = None
    size = parallel.branches[0].projection.in_features
    hidden = torch.randn(5, width, size)
    with torch.no_grad():
        outputs = torch.stack([branch.projection(hidden[:, g]) for g, branch in enumerate(parallel.branches)])
        expected = gated_mean(outputs, parallel.gate)
        merged = fold_gates(parallel)
        assert close(merged(hidden.flatten(1)), expected)
    assert isinstance(merged, GatedSum if gated else nn.Linear)
