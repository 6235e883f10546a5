"""A BatchNorm after a convolution or linear layer is folded into it, or the rule records its reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.reproductions import Net

CONVOLUTIONS = {
    "plain": (nn.Conv2d(4, 6, 3, padding=1), (2, 4, 9, 9)),
    "no bias, strided, dilated": (nn.Conv2d(4, 6, 3, stride=2, dilation=2, bias=False), (2, 4, 9, 9)),
    "grouped": (nn.Conv2d(4, 6, 3, groups=2), (2, 4, 9, 9)),
    "depthwise": (nn.Conv2d(6, 6, 3, groups=6, padding=1, bias=False), (2, 6, 9, 9)),
    "transposed": (nn.ConvTranspose2d(4, 6, 3, stride=2), (2, 4, 5, 5)),
    "transposed, grouped": (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2, output_padding=1), (2, 4, 5, 5)),
    "reflected border": (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), (2, 4, 9, 9)),
    "one axis": (nn.Conv1d(4, 6, 3, padding="same"), (2, 4, 9)),
    "three axes": (nn.Conv3d(4, 6, 3), (2, 4, 5, 5, 5)),
}


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_convolution(kind, baking, operators, randomized):
    convolution, shape = CONVOLUTIONS[kind]
    norm = {3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[len(shape)](6)
    baked = baking(randomized(nn.Sequential(convolution, norm)), torch.randn(shape))
    name = f"conv{'_transpose' if 'transposed' in kind else ''}{len(shape) - 2}d"
    assert set(operators(baked)) - {"pad"} == {name}
    assert [a.layer for a in baked.applied] == ["1"]


@pytest.mark.parametrize("affine", [True, False])
def test_linear(affine, baking, operators, randomized):
    baked = baking(randomized(nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7, affine=affine))), torch.randn(3, 5))
    assert operators(baked) == ["linear"]


def test_the_member_is_left_as_it_was(baking, randomized):
    member = randomized(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)))
    before = {k: v.clone() for k, v in member.state_dict().items()}
    baking(member, torch.randn(1, 3, 4, 4))
    assert all(torch.equal(v, before[k]) for k, v in member.state_dict().items())


class Branching(nn.Module):
    """The output of the convolution has two users."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x):
        y = self.conv(x)
        return self.bn(y) + y


class AfterSum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.bn1(x + x)


@pytest.mark.parametrize(
    ("member", "shape", "reason"),
    [
        (Branching(), (1, 3, 4, 4), "conv feeds 2 nodes"),
        (AfterSum(), (1, 3, 4, 4), "it follows a add, not a convolution or linear layer"),
        (nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(4)), (2, 4, 5), "it normalizes axis 1, but 0 writes"),
        (nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)), (1, 3, 4, 4), "it follows 1 (ReLU)"),
    ],
)
def test_refused_with_its_reason_and_kept(member, shape, reason, baking, operators, randomized):
    baked = baking(randomized(member), torch.randn(shape))
    assert any(reason in r.reason for r in baked.refused if r.rule == "fold_batchnorm_into_previous")
    assert {"mul", "add"} <= set(operators(baked))


def test_batch_statistics_are_refused(operators):
    from edge_export.baking.bake import bake

    member = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    baked = bake(member, (torch.randn(2, 3, 4, 4),))
    assert "it normalizes by the statistics of each batch" in {r.reason for r in baked.refused}
    assert "batch_norm" in operators(baked)


@pytest.mark.parametrize(
    ("function", "left"),
    [
        (lambda s, x: s.n(torch.cat([s.a(x), s.b(x)], 1)), ["conv2d", "conv2d", "cat"]),
        (lambda s, x: s.m(s.a(x) + s.c(x)), ["conv2d", "conv2d", "add"]),
        (lambda s, x: s.m(F.channel_shuffle(s.a(x), 2)), ["conv2d", "channel_shuffle"]),
        (
            lambda s, x: s.m(s.a(x).view(2, 2, 2, 9, 9).transpose(1, 2).reshape(2, 4, 9, 9)),
            ["conv2d", "view", "transpose", "reshape"],
        ),
        (lambda s, x: s.m(F.interpolate(s.a(x), scale_factor=2)), ["conv2d", "upsample_nearest2d"]),
        (lambda s, x: s.m(F.avg_pool2d(s.a(x), 2)), ["conv2d", "avg_pool2d"]),
        (lambda s, x: s.m(F.conv2d(x, s.c.weight[:4], s.c.bias[:4])), ["conv2d"]),
        (lambda s, x: s.m(F.conv2d(x, s.c.weight * 2 - 1)), ["conv2d"]),
        (lambda s, x: s.m(s.a(s.m(s.a(x)).relu())), ["conv2d", "relu", "conv2d"]),
        (lambda s, x: s.m(s.a(x)) + s.k(s.a(x * x)), ["conv2d", "mul", "conv2d", "add"]),
    ],
    ids=[
        *("concatenated", "summed", "shuffled", "shuffled by hand", "resized", "pooled", "slices", "computed weight"),
        *("called twice alike", "called twice with other norms"),
    ],
)
def test_every_layer_across_what_it_commutes_with(function, left, baking, operators, randomized):
    layers = {"a": nn.Conv2d(4, 4, 1), "b": nn.Conv2d(4, 2, 1), "c": nn.Conv2d(4, 4, 1)}
    norms = {"n": nn.BatchNorm2d(6), "m": nn.BatchNorm2d(4), "k": nn.BatchNorm2d(4)}
    baked = baking(randomized(Net(function, **layers, **norms)), torch.randn(2, 4, 9, 9))
    assert operators(baked) == [*left]
    assert not baked.refused


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda s, x: s.n(torch.cat([y := s.a(x), y], 1)), "it follows a cat, not a convolution or linear layer"),
        (lambda s, x: s.n(torch.cat([s.a(x), x], 1)), "it follows the input, not a convolution or linear layer"),
        (lambda s, x: s.m((y := s.a(x)) + y), "it follows a add, not a convolution or linear layer"),
        (lambda s, x: s.k(s.a(x).flatten(1)), "it normalizes axis 1, but a writes features on axis 1"),
        (lambda s, x: s.m((y := s.a(x), y[:, 1:].relu_(), y)[0]), "a feeds 2 nodes"),
    ],
)
def test_what_does_not_commute_is_refused(function, reason, baking, operators, randomized):
    norms = {"n": nn.BatchNorm2d(8), "m": nn.BatchNorm2d(4), "k": nn.BatchNorm1d(36)}
    baked = baking(randomized(Net(function, a=nn.Conv2d(4, 4, 1), **norms)), torch.randn(2, 4, 3, 3))
    assert [each.reason for each in baked.refused if each.rule == "fold_batchnorm_into_previous"] == [reason]
