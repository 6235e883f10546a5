"""A BatchNorm before convolutions or linear layers is folded into each, or the rule records its reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.reproductions import Net


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
def test_convolution(convolution, baking, operators, randomized):
    baked = baking(randomized(nn.Sequential(nn.BatchNorm2d(4), convolution)), torch.randn(2, 4, 9, 9))
    assert set(operators(baked)) - {"pad"} == {"conv2d"}


def test_linear(baking, operators, randomized):
    baked = baking(randomized(nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 7, bias=False))), torch.randn(3, 5))
    assert operators(baked) == ["linear"]


def test_both_sides(baking, operators, randomized):
    member = nn.Sequential(
        nn.BatchNorm2d(3), nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.BatchNorm2d(5), nn.Conv2d(5, 2, 1)
    )
    baked = baking(randomized(member), torch.randn(2, 3, 8, 8))
    assert operators(baked) == ["conv2d", "relu", "conv2d"]
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
def test_refused_with_its_reason_and_kept(convolution, reason, baking, operators, randomized):
    baked = baking(randomized(nn.Sequential(nn.BatchNorm2d(4), convolution)), torch.randn(2, 4, 9, 9))
    assert any(reason in r.reason for r in baked.refused if r.rule == "fold_batchnorm_into_next")
    assert "add" in operators(baked)


def test_zero_shift_folds_through_zero_padding(baking, operators, randomized):
    norm = randomized(nn.BatchNorm2d(4))
    norm.running_mean.zero_()
    nn.init.zeros_(norm.bias)
    baked = baking(nn.Sequential(norm, nn.Conv2d(4, 6, 3, padding=1)).eval(), torch.randn(2, 4, 9, 9))
    assert operators(baked) == ["conv2d"]


@pytest.mark.parametrize(
    ("function", "shape", "left"),
    [
        (lambda s, x: s.a(y := s.n(x)) + s.b(y), (2, 4, 9, 9), ["conv2d", "conv2d", "add"]),
        (lambda s, x: s.c(torch.cat([x, s.n(x)], 1)), (2, 4, 9, 9), ["cat", "conv2d"]),
        (lambda s, x: s.l(s.n(x).mean((2, 3))), (2, 4, 9, 9), ["mean", "linear"]),
        (lambda s, x: s.l(s.n(x).flatten(1)), (2, 4, 1, 1), ["flatten", "linear"]),
        (lambda s, x: s.a(F.avg_pool2d(s.n(x), 2)), (2, 4, 9, 9), ["avg_pool2d", "conv2d"]),
        (lambda s, x: s.l(s.n(x).permute(0, 2, 3, 1)), (2, 4, 9, 9), ["permute", "linear"]),
        (lambda s, x: s.m(s.n(x)).sigmoid(), (2, 4, 9, 9), ["mul", "add", "sigmoid"]),
    ],
    ids=["two readers", "concatenation", "mean", "flattened", "pooled", "permuted", "another norm"],
)
def test_every_reader_across_what_it_commutes_with(function, shape, left, baking, operators, randomized):
    layers = {"a": nn.Conv2d(4, 6, 3), "b": nn.Conv2d(4, 6, 3), "c": nn.Conv2d(8, 6, 3), "l": nn.Linear(4, 3)}
    member = randomized(Net(function, n=nn.BatchNorm2d(4), m=nn.BatchNorm2d(4), **layers))
    assert operators(baking(member, torch.randn(shape))) == left


@pytest.mark.parametrize(
    "function",
    [
        lambda s, x: s.a(y := s.n(x)) + y.mean(),
        lambda s, x: s.a(F.avg_pool2d(s.n(x), 3, 1, 1)),
        lambda s, x: s.a(F.pad(s.n(x), (1, 1))),
        lambda s, x: s.a(s.n(x).relu()),
        lambda s, x: s.a(s.n(x).transpose(1, 2)),
    ],
    ids=["read elsewhere", "zeros counted", "padded", "shifted before relu", "another axis"],
)
def test_what_does_not_commute_is_refused(function, baking, operators, randomized):
    member = randomized(Net(function, n=nn.BatchNorm2d(4), a=nn.Conv2d(4, 6, 3)))
    baked = baking(member, torch.randn(2, 4, 4, 9))
    assert [each.layer for each in baked.refused if each.rule == "fold_batchnorm_into_next"] == ["n"]
    assert "add" in operators(baked)


def test_an_operator_in_place_does_not_reach_what_the_norm_copied(baking, operators, randomized):
    """Without the norm, the ReLU would write into the convolution's output, which the sum reads."""

    def forward(s, x):
        y = s.a(x)
        return s.b(s.n(y).relu_()) + y

    norm = randomized(nn.BatchNorm2d(6))
    norm.running_mean.zero_()
    nn.init.zeros_(norm.bias)
    norm.weight.data.abs_()
    member = Net(forward, a=nn.Conv2d(4, 6, 1), n=norm, b=nn.Conv2d(6, 6, 1)).eval()
    assert operators(baking(member, torch.randn(2, 4, 9, 9))) == ["conv2d", "relu", "conv2d", "add"]
    member.function = lambda s, x: s.b((y := s.n(x), y[:, 1:].relu_(), y)[0])
    (refused,) = [each for each in baking(member, torch.randn(2, 6, 9, 9)).refused if each.rule.endswith("next")]
    assert refused.reason == "n is changed in place"
    member.function = lambda s, x: s.b((y := x.sigmoid(), s.n(y), y[:, 1:].relu_().neg_())[1])
    (refused,) = [each for each in baking(member, torch.randn(2, 6, 9, 9)).refused if each.rule.endswith("next")]
    assert refused.reason == "sigmoid is changed in place"
