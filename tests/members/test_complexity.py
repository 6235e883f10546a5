"""Costs of small networks equal the numbers counted by hand."""

from __future__ import annotations

import torch
from torch import nn

from edge_export.baking.export import export_program
from edge_export.members.complexity import complexity


def costs(member, *inputs):
    return complexity(member.eval(), export_program(member.eval(), inputs), inputs)


def test_linear_layers():
    found = costs(nn.Sequential(nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 10)), torch.zeros(1, 100))
    assert found.params == 100 * 50 + 50 + 50 * 10 + 10
    assert found.macs == 100 * 50 + 50 * 10
    assert found.peak_activation_bytes == 4 * (100 + 50)


def test_convolutions():
    found = costs(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, groups=1), nn.Flatten()), torch.zeros(1, 3, 16, 16))
    assert found.macs == 8 * 3 * 9 * 256
    assert found.peak_activation_bytes == 4 * 256 * (3 + 8), "a flattened view takes no memory of its own"


class Residual(nn.Module):
    def forward(self, x):
        return (x * 2).relu() + x


def test_what_is_needed_later_stays_alive():
    assert costs(Residual(), torch.zeros(1, 10)).peak_activation_bytes == 4 * 30


class LearnedQuery(nn.Module):
    """It expands a parameter that requires gradients, which torch's counter does not take."""

    def __init__(self):
        super().__init__()
        self.query, self.mix = nn.Parameter(torch.ones(1, 3, 4)), nn.Linear(4, 5)

    def forward(self, x):
        return self.mix(self.query.expand(len(x), -1, -1)) + x


def test_views_of_parameters_are_counted():
    assert costs(LearnedQuery(), torch.zeros(1, 3, 5)).macs == 3 * 4 * 5


def test_what_cannot_be_counted_does_not_stop_a_build(capfd):
    member = nn.Linear(4, 5)
    program = export_program(member, (torch.zeros(1, 4),))
    found = complexity(member, program, (torch.zeros(1, 3),))
    assert (found.params, found.macs) == (25, 0)
    assert "shapes cannot be multiplied" in capfd.readouterr().err
