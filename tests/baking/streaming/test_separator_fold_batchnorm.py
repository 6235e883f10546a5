"""The scale and shift of a norm are folded into the matrix that follows it."""

from __future__ import annotations

import torch
from torch import nn

from edge_export.baking.streaming.fold_batchnorm import affine, fold


def test_the_matrix_reads_what_the_norm_read(randomized):
    norm, layer = randomized(nn.BatchNorm1d(6)).double(), nn.Linear(6, 5).double()
    x = torch.randn(7, 6, dtype=torch.float64)
    folded = fold(norm, affine(layer))
    assert torch.allclose(x @ folded.weight.T + folded.bias, layer(norm(x)), atol=1e-12)


def test_a_matrix_that_reads_some_of_the_features(randomized):
    norm, layer = randomized(nn.BatchNorm1d(6)).double(), nn.Linear(2, 3).double()
    x = torch.randn(7, 6, dtype=torch.float64)
    folded = fold(norm, affine(layer), first=3)
    assert torch.allclose(x[:, 3:5] @ folded.weight.T + folded.bias, layer(norm(x)[:, 3:5]), atol=1e-12)
