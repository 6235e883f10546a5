"""Activations that are written by hand become PyTorch's own operators; what only looks like one stays."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.reproductions import Net

BY_HAND = {
    "x relu6(x+3)/6": (lambda x: x * F.relu6(x + 3) / 6, "hardswish"),
    "x (relu6(x+3)/6)": (lambda x: x * (F.relu6(x + 3) / 6), "hardswish"),
    "clamp": (lambda x: (x + 3).clamp(0, 6).mul(x).div(6), "hardswish"),
    "in place": (lambda x: x * F.relu6(x + 3, inplace=True).mul_(1 / 6), "hardswish"),
    "x hardsigmoid(x)": (lambda x: x * F.hardsigmoid(x), "hardswish"),
    "relu6(x+3)/6": (lambda x: F.relu6(x + 3) / 6, "hardsigmoid"),
    "x/6 + 1/2": (lambda x: (x / 6 + 0.5).clamp(0, 1), "hardsigmoid"),
    "x sigmoid(x)": (lambda x: x * torch.sigmoid(x), "silu"),
    "x / (1 + exp(-x))": (lambda x: x / (1 + torch.exp(-x)), "silu"),
    "erf": (lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))), "gelu"),
    "erf of tensors": (lambda x: x * (torch.erf(x * torch.tensor(0.5).sqrt()) + 1) * torch.tensor(0.5), "gelu"),
    "tanh": (lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))), "gelu"),
    "tanh, x x x": (lambda x: 0.5 * x * (1 + torch.tanh(0.7978845608 * x * (1 + 0.044715 * x * x))), "gelu"),
}


@pytest.mark.parametrize("kind", BY_HAND)
def test_by_hand(kind, baking, operators):
    function, name = BY_HAND[kind]
    baked = baking(Net(lambda s, x: s.a(function(s.a(x))), a=nn.Linear(6, 6)).eval(), torch.randn(3, 6) * 4)
    assert operators(baked) == ["linear", name, "linear"]
    (activation,) = [node for node in baked.module.graph.nodes if str(node.target).startswith(f"aten.{name}")]
    assert activation.kwargs == ({"approximate": "tanh"} if kind.startswith("tanh") else {})


@pytest.mark.parametrize(
    "function",
    [
        lambda x, y: x * F.relu6(y + 3) / 6,
        lambda x, y: x * F.relu6(x + 2) / 6,
        lambda x, y: x * torch.sigmoid(1.702 * x),
        lambda x, y: x * F.relu6(x + 3) / 5.99,
        lambda x, y: x.clamp(max=100) * torch.sigmoid(x),
        lambda x, y: x * torch.sigmoid(x + torch.arange(6) * 1e-3),
    ],
    ids=[
        "two values",
        "another shift",
        "another slope",
        "another divisor",
        "another limit",
        "a shift for each feature",
    ],
)
def test_what_only_looks_like_one_stays(function, baking):
    baked = baking(Net(lambda s, x: function(x, s.a(x)), a=nn.Linear(6, 6)).eval(), torch.randn(3, 6) * 4)
    assert not [node for node in baked.module.graph.nodes if str(node.target).startswith(("aten.hard", "aten.gelu"))]


def test_what_is_read_elsewhere_too_stays(baking, operators):
    member = Net(lambda s, x: x * (y := torch.sigmoid(x)) + y.amax())
    assert operators(baking(member.eval(), torch.randn(3, 6))) == ["sigmoid", "mul", "amax", "add"]
