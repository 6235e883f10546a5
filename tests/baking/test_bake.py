"""All rules together."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edge_export.baking.bake import bake
from edge_export.errors import RequestError
from tests.reproductions import Net


def test_folding_through_many_layers_rounds_once(randomized):
    """Every weight of the baked layer is the float32 nearest to the exact one."""
    conv, norm = nn.Conv2d(8, 8, 1), randomized(nn.BatchNorm2d(8))
    baked = bake(nn.Sequential(conv, norm).eval(), (torch.randn(1, 8, 4, 4),))
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    exact = conv.weight.double() * scale.reshape(-1, 1, 1, 1)
    got = next(p for n, p in baked.module.named_parameters() if n.endswith("weight"))
    one_ulp = torch.finfo(torch.float32).eps * exact.abs()
    assert (got.double() - exact).abs().le(0.5 * one_ulp + 1e-300).all()


def test_what_cannot_be_exported_is_an_error_that_says_why():
    with pytest.raises(RequestError, match=r"torch.export cannot export Net: .*branches on values"):
        bake(Net(lambda s, x: x if x.sum() > 0 else -x), (torch.randn(3),))
