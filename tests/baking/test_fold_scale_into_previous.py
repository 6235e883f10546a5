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
}


@pytest.mark.parametrize("kind", SCALES)
@pytest.mark.parametrize("norm", [False, True])
def test_constant_factor(kind, norm, baking, layer_types, randomized):
    baked = baking(randomized(Scaled(SCALES[kind], norm)), torch.randn(1, 3, 5, 5))
    assert layer_types(baked) == ["Conv2d"]
    assert not [n for n in baked.module.graph.nodes if n.op in ("call_function", "call_method")]


@pytest.mark.parametrize("scale", [lambda y: y * y, lambda y: y * y.mean(), lambda y: 2 / (1 + y.exp())])
def test_what_is_no_constant_factor_stays(scale, baking):
    baked = baking(Scaled(scale).eval(), torch.randn(1, 3, 5, 5))
    assert [n for n in baked.module.graph.nodes if n.op in ("call_function", "call_method")]


def test_refused_after_an_activation(baking):
    baked = baking(nn.Sequential(Scaled(lambda y: y.relu() * 2.0)).eval(), torch.randn(1, 3, 5, 5))
    assert [r.reason for r in baked.refused] == ["it scales a relu, not a convolution or linear layer"]
