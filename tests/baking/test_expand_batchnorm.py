"""A BatchNorm that no layer takes is one product and one sum."""

from __future__ import annotations

import pytest
import torch
from torch import nn


@pytest.mark.parametrize("affine", [True, False])
def test_product_and_sum(affine, baking, operators, randomized):
    member = nn.Sequential(nn.BatchNorm2d(4, affine=affine), nn.Sigmoid())
    baked = baking(randomized(member), torch.randn(2, 4, 9, 9))
    assert operators(baked) == ["mul", "add", "sigmoid"]
    assert {each.rule for each in baked.refused} == {"fold_batchnorm_into_previous", "fold_batchnorm_into_next"}


def test_without_a_shift_it_is_a_product(baking, operators, randomized):
    norm = randomized(nn.BatchNorm1d(4, affine=False))
    norm.running_mean.zero_()
    assert operators(baking(nn.Sequential(norm, nn.Sigmoid()).eval(), torch.randn(3, 4))) == ["mul", "sigmoid"]


@pytest.mark.parametrize("between", [nn.Identity(), nn.ReLU(), nn.LeakyReLU(0.2)])
def test_the_scale_alone_folds_where_the_shift_does_not(between, baking, operators, randomized):
    member = randomized(nn.Sequential(nn.BatchNorm2d(4), between, nn.Conv2d(4, 6, 3, padding=1)))
    member[0].weight.data.abs_()
    baked = baking(member, torch.randn(2, 4, 9, 9))
    assert [name for name in operators(baked) if "relu" not in name] == ["add", "conv2d"]


def test_a_shift_that_float16_cannot_add_stays_behind_the_scale(baking, operators, randomized):
    member = randomized(nn.Sequential(nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3, padding=1)))
    member[0].weight.data.fill_(2e-2)
    member[0].bias.data.fill_(1e3)
    assert operators(baking(member, torch.randn(2, 4, 9, 9))) == ["mul", "add", "conv2d"]
