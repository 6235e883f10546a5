"""Layers and functions that return their input in eval mode are removed."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from tests.reproductions import Net


class FunctionalDropout(nn.Module):
    def __init__(self, always: bool) -> None:
        super().__init__()
        self.always = always
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return functional.dropout(self.linear(x), 0.5, training=self.always or self.training)


def test_layers(baking, operators):
    member = nn.Sequential(nn.Identity(), nn.Linear(4, 4), nn.Dropout(0.5), nn.Identity(), nn.ReLU())
    assert operators(baking(member.eval(), torch.randn(2, 4))) == ["linear", "relu"]


def test_function(baking, operators):
    assert operators(baking(FunctionalDropout(always=False).eval(), torch.randn(2, 4))) == ["linear"]


def test_products_with_one_and_sums_with_zero(baking, operators):
    baked = baking(Net(lambda s, x: (x * 1.0).sigmoid() + torch.zeros(4)).eval(), torch.randn(2, 4))
    assert operators(baked) == ["sigmoid"]


def test_dropout_that_stays_on_is_refused():
    from edge_export.baking.bake import bake

    baked = bake(FunctionalDropout(always=True).eval(), (torch.randn(2, 4),))
    assert [r.rule for r in baked.refused] == ["remove_identity"]


def test_numbers_without_axes(baking, operators):
    baked = baking(Net(lambda s, x: x.sum() * torch.tensor(1.0) / torch.tensor(4.0)).eval(), torch.randn(2, 4))
    assert "mul" not in operators(baked)
