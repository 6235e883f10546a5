"""Where a member leaves the range of float16, or loses its digits, is named by its layer and the line of the user."""

from __future__ import annotations

import re
from collections.abc import Callable

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


class Function(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def told_of(network: nn.Module, x: torch.Tensor) -> str:
    return first_beyond(export_program(network.eval(), (x[:1],)), [x.numpy()])


@pytest.mark.parametrize(
    ("scale", "told"),
    [
        (1.0, ""),
        (
            1000.0,
            r"float16 overflows first at pow \(test_half_range.py:\d+ in forward\), at [\de.+]+ of at most 65504",
        ),
        (
            1e-6,
            r"float16 underflows first at mul \(test_half_range.py:\d+ in forward\), whose largest value is \S+, "
            r"less than 6e-05; float16 .*",
        ),
    ],
)
def test_the_first_operator_beyond_is_named(scale: float, told: str) -> None:
    torch.manual_seed(0)
    assert re.fullmatch(told, told_of(Network(scale), torch.randn(3, 4)))


def test_it_is_named_with_its_layer() -> None:
    network = Network(1.0).eval()
    nn.init.constant_(network.first.bias, 1e5)
    told = told_of(network, torch.randn(1, 4))
    assert re.fullmatch(
        r"float16 overflows first at layer first \(linear, test_half_range.py:\d+ in forward\), "
        "at 1e\\+05 of at most 65504",
        told,
    )


def test_a_small_number_that_becomes_0_is_named_with_what_it_makes_nan() -> None:
    """0 / (0 + 1e-8)."""
    told = told_of(Function(lambda x: x / (x.sum(1, keepdim=True) + 1e-8)), torch.zeros(1, 4))
    assert re.fullmatch(
        r"float16 underflows first at add .*, whose largest value is 1e-08, less than 6e-05; float16 gives NaN or "
        r"infinity first at div \(.*\); where 1e-08 of add \(test_half_range.py:\d+ in forward\) is 0",
        told,
    )


def test_the_operator_that_loses_most_digits_is_named() -> None:
    """A difference of two numbers that are almost the same; what comes before it is right, what comes after it not."""
    told = told_of(Function(lambda x: ((x * 3 + 300) - 300) * 2 + 0.1), torch.rand(2, 4))
    assert re.fullmatch(
        r"float16 loses most digits first at sub \(test_half_range.py:\d+ in forward\), to \d+ dB", told
    )


def test_what_is_coarse_and_does_not_matter_is_not_named() -> None:
    """A branch of 1e-6 of the rest, as of a layer scale."""
    told = told_of(Function(lambda x: x + ((x + 300) - 300) * 1e-3 * (x > 5)), torch.rand(2, 4))
    assert told == ""


def test_masks_may_be_any_large_negative_number() -> None:
    for mask in (-1e9, torch.finfo(torch.float32).min, -torch.inf):
        told = told_of(Function(lambda x, mask=mask: (x + (x > 1) * 0).masked_fill(x > 0, mask).softmax(1)), MIXED)
        assert told == ""


def test_an_index_that_rounding_moves_out_of_its_table_ends_nothing() -> None:
    """2047.6 is 2048 in float16."""
    table = torch.arange(2048.0)
    told = told_of(Function(lambda x: torch.embedding(table[:, None], (x + 2047.6).long())), torch.zeros(1, 4))
    assert "float16" not in told or "loses" in told


MIXED = torch.tensor([[0.5, -0.5, -1.0, 0.25]])
