"""Two matrices in a row become one where that takes no more products."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn


def convolutions(*widths, **options):
    return nn.Sequential(*(nn.Conv2d(a, b, 1, **options) for a, b in pairwise(widths)))


@pytest.mark.parametrize("bias", [True, False])
def test_what_is_narrow_already(bias, baking, operators):
    baked = baking(convolutions(4, 4, 16, bias=bias).eval(), torch.randn(1, 4, 5, 5))
    assert operators(baked) == ["conv2d"]
    shapes = {tuple(tensor.shape) for tensor in baked.module.state_dict().values()}
    assert shapes == {(16, 4, 1, 1), *([(16,)] if bias else [])}


def test_only_one_of_them_has_a_bias(baking, operators):
    for biases in ((True, False), (False, True)):
        pair = nn.Sequential(*(nn.Linear(4, 4, bias=b) for b in biases))
        assert operators(baking(pair.eval(), torch.randn(3, 4))) == ["linear"]


def test_a_chain(baking, operators):
    assert operators(baking(convolutions(3, 5, 6, 2).eval(), torch.randn(1, 3, 4, 4))) == ["conv2d"]


def test_norms_are_folded_before(baking, operators, randomized):
    pair = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 8, 1, stride=2), nn.BatchNorm2d(8))
    assert operators(baking(randomized(pair), torch.randn(1, 4, 6, 6))) == ["conv2d"]


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)


class ReadTwice(Twice):
    def forward(self, x):
        y = self.first(x)
        return y + self.second(y)


class ReadChanged(Twice):
    """What the first layer reads changes before the second one runs."""

    def forward(self, x):
        x = x.sigmoid()
        y = self.first(x)
        x[:, 1:].neg_()
        return self.second(y)


class CalledTwice(Twice):
    def forward(self, x):
        return self.second(self.second(self.first(x)))


class FirstCalledTwice(Twice):
    def forward(self, x):
        return self.second(self.first(self.first(x).relu()))


@pytest.mark.parametrize(
    ("member", "left"), [(CalledTwice(), ["linear"]), (FirstCalledTwice(), ["linear", "relu", "linear"])]
)
def test_what_is_called_twice_gets_weights_of_its_own(member, left, baking, operators):
    assert operators(baking(member.eval(), torch.randn(2, 4))) == left


def reasons(baked):
    return [(refusal.layer, refusal.reason) for refusal in baked.refused if refusal.rule == "merge_linear"]


@pytest.mark.parametrize(
    ("member", "shape", "expected"),
    [
        (
            convolutions(8, 2, 8),
            (1, 8, 8, 8),
            {"0": "it and 1 as one layer would need 64 products at each position, not 32"},
        ),
        (
            nn.Sequential(nn.Conv2d(8, 8, 1, stride=2), nn.Conv2d(8, 8, 1)),
            (1, 8, 8, 8),
            {"0": "it has stride 2, and only the second of two layers may skip positions"},
        ),
        (ReadTwice(), (2, 4), {"first": "it feeds 2 nodes"}),
        (ReadChanged(), (2, 4), {"first": "what it reads or writes is changed in place"}),
    ],
)
def test_two_that_stay_two_are_refused_with_the_reason(member, shape, expected, baking, operators):
    baked = baking(member.eval(), torch.randn(shape))
    assert sum(name in ("conv2d", "linear") for name in operators(baked)) == 2
    assert [layer for layer, _ in reasons(baked)] == list(expected)
    assert all(reason.endswith(expected[layer]) for layer, reason in reasons(baked))


@pytest.mark.parametrize(
    "member",
    [
        nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU(), nn.Conv2d(8, 8, 1)),
        nn.Sequential(nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3)),
        nn.Sequential(nn.Conv2d(8, 8, 1, padding=1), nn.Conv2d(8, 8, 1)),
        nn.Sequential(nn.Conv2d(8, 8, 1, groups=2), nn.Conv2d(8, 8, 1)),
        nn.Sequential(nn.Conv2d(8, 8, 1), nn.ConvTranspose2d(8, 8, 1)),
        nn.Sequential(nn.Conv2d(8, 8, 1), nn.Linear(8, 8)),
    ],
)
def test_what_is_no_pair_of_matrices_is_no_match(member, baking, operators):
    before = len([m for m in member.modules() if not list(m.children())])
    baked = baking(member.eval(), torch.randn(1, 8, 8, 8))
    assert len(operators(baked)) == before
    assert reasons(baked) == []
