"""A BatchNorm before a convolution or linear layer is folded into it, or the rule records its reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn


@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(4, 6, 3),
        nn.Conv2d(4, 6, 3, stride=2, bias=False),
        nn.Conv2d(4, 6, 3, groups=2),
        nn.Conv2d(4, 4, 3, groups=4),
        nn.Conv2d(4, 6, 1, padding="same"),
        nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"),
    ],
    ids=["plain", "strided", "grouped", "depthwise", "pointwise same", "circular"],
)
def test_convolution(convolution, baking, layer_types, randomized):
    baked = baking(randomized(nn.Sequential(nn.BatchNorm2d(4), convolution)), torch.randn(2, 4, 9, 9))
    assert layer_types(baked) == ["Conv2d"]


def test_linear(baking, layer_types, randomized):
    baked = baking(randomized(nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 7, bias=False))), torch.randn(3, 5))
    assert layer_types(baked) == ["Linear"]


def test_both_sides(baking, layer_types, randomized):
    member = nn.Sequential(
        nn.BatchNorm2d(3), nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.BatchNorm2d(5), nn.Conv2d(5, 2, 1)
    )
    baked = baking(randomized(member), torch.randn(2, 3, 8, 8))
    assert layer_types(baked) == ["Conv2d", "ReLU", "Conv2d"]
    assert not baked.refused


@pytest.mark.parametrize(
    ("convolution", "reason"),
    [
        (nn.Conv2d(4, 6, 3, padding=1), "1 pads with zeros after it"),
        (nn.Conv2d(4, 6, 3, padding="same"), "1 pads with zeros after it"),
        (nn.ConvTranspose2d(4, 6, 3), "1 is transposed"),
        (nn.ReLU(), "it feeds 1 (ReLU)"),
    ],
)
def test_refused_with_its_reason_and_kept(convolution, reason, baking, layer_types, randomized):
    baked = baking(randomized(nn.Sequential(nn.BatchNorm2d(4), convolution)), torch.randn(2, 4, 9, 9))
    assert any(reason in r.reason for r in baked.refused if r.rule == "fold_batchnorm_into_next")
    assert "BatchNorm2d" in layer_types(baked)


def test_zero_shift_folds_through_zero_padding(baking, layer_types, randomized):
    norm = randomized(nn.BatchNorm2d(4))
    norm.running_mean.zero_()
    nn.init.zeros_(norm.bias)
    baked = baking(nn.Sequential(norm, nn.Conv2d(4, 6, 3, padding=1)).eval(), torch.randn(2, 4, 9, 9))
    assert layer_types(baked) == ["Conv2d"]
