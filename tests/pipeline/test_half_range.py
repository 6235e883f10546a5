"""Where a member leaves the range of float16 is named by its layer."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from edge_export.baking.export import export_program
from edge_export.pipeline.half_range import first_beyond


class Network(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(4, 4), nn.Softmax(1)
        self.scale = scale
        nn.init.eye_(self.first.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = (self.first(x) * self.scale).pow(2) / self.scale**2
        return self.head(y.masked_fill(x > 1, -1e9))


@pytest.mark.parametrize(
    ("scale", "told"),
    [
        (1.0, ""),
        (1000.0, r"float16 overflows first at pow, at [\de.+]+ of at most 65504"),
        (1e-6, r"float16 underflows first at mul, whose largest value is \S+, less than 6e-05"),
    ],
)
def test_the_first_operator_beyond_is_named(scale: float, told: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4)
    assert re.fullmatch(told, first_beyond(export_program(Network(scale).eval(), (x[:1],)), [x.numpy()]))


def test_it_is_named_with_its_layer() -> None:
    network = Network(1.0).eval()
    nn.init.constant_(network.first.bias, 1e5)
    x = torch.randn(1, 4)
    told = first_beyond(export_program(network, (x,)), [x.numpy()])
    assert told == "float16 overflows first at layer first (linear), at 1e+05 of at most 65504"
