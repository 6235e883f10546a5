"""Constant factors are folded into the previous layer."""

from __future__ import annotations

import pytest
import torch
from torch import nn


class Scaled(nn.Module):
    def __init__(self, scale, norm=False) -> None:
        super().__init__()
        self.conv, self.scale = nn.Conv2d(3, 4, 3, padding=1), scale
        self.norm = nn.BatchNorm2d(4) if norm else nn.Identity()

    def forward(self, x):
        return self.norm(self.scale(self.conv(x)))


SCALES = {
    "x*k": lambda y: y * 2.5,
    "k*x": lambda y: 2.5 * y,
    "x/k": lambda y: y / 7,
    "torch.mul": lambda y: torch.mul(y, 3),
    "torch.div": lambda y: torch.div(y, 3.0),
    "method": lambda y: y.mul(0.1),
    "in place": lambda y: y.mul_(0.1),
    "-x": lambda y: -y,
    "x+c": lambda y: y + 2,
    "c-x": lambda y: 2 - y,
    "x-αc": lambda y: torch.sub(y, 3, alpha=2),
    "c-αx": lambda y: torch.rsub(y, 3, alpha=2),
    "c+αx": lambda y: torch.add(torch.full((4, 1, 1), 3.0), y, alpha=2),
    "a feature each": lambda y: (y - torch.arange(4.0).view(4, 1, 1)) / torch.arange(1.0, 5.0).view(1, 4, 1, 1),
    "after relu": lambda y: y.relu() * 2,
}


@pytest.mark.parametrize("kind", SCALES)
@pytest.mark.parametrize("norm", [False, True])
def test_constant_factor(kind, norm, baking, operators, randomized):
    baked = baking(randomized(Scaled(SCALES[kind], norm)), torch.randn(1, 3, 5, 5))
    assert operators(baked)[:2] == (["conv2d", "relu"] if kind == "after relu" else ["conv2d"])


@pytest.mark.parametrize("scale", [lambda y: y * y, lambda y: y * y.mean(), lambda y: 2 / (1 + y.exp())])
def test_what_is_no_constant_factor_stays(scale, baking, operators):
    baked = baking(Scaled(scale).eval(), torch.randn(1, 3, 5, 5))
    assert len(operators(baked)) > 1


def test_refused_after_an_activation(baking):
    baked = baking(nn.Sequential(Scaled(lambda y: y.sigmoid() * 2.0)).eval(), torch.randn(1, 3, 5, 5))
    (refused,) = [each for each in baked.refused if each.rule == "fold_scale_into_previous"]
    assert refused.reason == "it scales a sigmoid, not a convolution or linear layer"
