"""Constant factors and sums are folded into the layers that read them, or the rule records its reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.reproductions import Net

RULE = "fold_scale_into_next"
FOLDED = {
    "behind an activation": (lambda s, x: s.c(F.hardswish(x) / 6), ["hardswish", "conv2d"]),
    "into zero padding": (lambda s, x: s.p(F.hardswish(x) / 6), ["hardswish", "conv2d"]),
    "into a transposed one": (lambda s, x: s.t(x.sigmoid() * 3), ["sigmoid", "conv_transpose2d"]),
    "with a shift": (lambda s, x: s.c(2 * x - 1), ["conv2d"]),
    "for each feature": (lambda s, x: s.c((x - s.m) / s.d), ["conv2d"]),
    "before pooling": (lambda s, x: s.c(F.max_pool2d(x.sigmoid() * 3, 2)), ["sigmoid", "max_pool2d", "conv2d"]),
    "before relu": (lambda s, x: s.c((x.tanh() * 3).relu()), ["tanh", "relu", "conv2d"]),
    "into a norm": (lambda s, x: s.n(2 * x.sigmoid() - 1).tanh(), ["sigmoid", "mul", "add", "tanh"]),
    "two readers": (lambda s, x: s.c(y := x.sigmoid() * 3) + s.c(y), ["sigmoid", "conv2d", "conv2d", "add"]),
}


def member(function, randomized):
    layers = {"c": nn.Conv2d(4, 6, 3), "p": nn.Conv2d(4, 6, 3, padding=1), "t": nn.ConvTranspose2d(4, 6, 3, groups=2)}
    constants = {"m": torch.arange(4.0).view(4, 1, 1), "d": torch.arange(1.0, 5.0).view(1, 4, 1, 1)}
    return randomized(Net(function, n=nn.BatchNorm2d(4), **layers, **constants))


@pytest.mark.parametrize("kind", FOLDED)
def test_folded(kind, baking, operators, randomized):
    function, left = FOLDED[kind]
    assert operators(baking(member(function, randomized), torch.randn(2, 4, 9, 9))) == left


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda s, x: s.p(x - 1), "p pads with zeros after it, so the shift cannot be folded into the bias"),
        (lambda s, x: s.t(x - 1), "t is transposed: its border sums fewer taps, so the shift is not constant there"),
        (lambda s, x: s.c(x * 1e-5), "weights that are multiplied by it may leave the range of float16"),
        (lambda s, x: s.c(x * torch.arange(1.0, 10.0)), "it scales along another axis, but c reads features on axis 1"),
    ],
)
def test_refused_with_its_reason(function, reason, baking, randomized):
    baked = baking(member(function, randomized), torch.randn(2, 4, 9, 9))
    assert [each.reason for each in baked.refused if each.rule == RULE] == [reason]


@pytest.mark.parametrize(
    "function",
    [lambda s, x: s.c((x * -3).relu()), lambda s, x: s.c(y := x * 3) + y.mean(), lambda s, x: x * 3],
    ids=["relu of a negative one", "read elsewhere", "the output"],
)
def test_what_feeds_anything_else_is_no_match(function, baking, operators, randomized):
    baked = baking(member(function, randomized), torch.randn(2, 4, 9, 9))
    assert "mul" in operators(baked)
    assert RULE not in {each.rule for each in (*baked.applied, *baked.refused)}
