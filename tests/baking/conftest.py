"""The checks that the tests of all rules share: equal outputs, and the operators that remain."""

from __future__ import annotations

import pytest
import torch

from edge_export.baking.bake import bake
from edge_export.baking.nodes import operator_of
from edge_export.baking.rule import Baked


def bake_and_compare(member: torch.nn.Module, *inputs: torch.Tensor) -> Baked:
    """Bakes `member` and compares it with the member in float64. Only float32 rounding may differ."""
    baked = bake(member, inputs)
    with torch.no_grad():
        expected = member.double()(*(x.double() for x in inputs))
        got = baked.module(*inputs).double()
    member.float()
    assert torch.allclose(got, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
    return baked


@pytest.fixture
def baking():
    return bake_and_compare


@pytest.fixture
def operators():
    """The operators of a baked network, in order."""
    return lambda baked: [operator_of(node) for node in baked.module.graph.nodes if node.op == "call_function"]
