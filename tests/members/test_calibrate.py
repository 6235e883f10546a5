"""Calibration is a cumulative average over real batches, and changes only the statistics."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from edge_export.errors import RequestError
from edge_export.members.calibrate import calibrate


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=0.3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(144, 2)
    )


def batches(count=5):
    return [(torch.randn(8, 3, 8, 8) * (i + 1),) for i in range(count)]


def test_statistics_are_the_mean_over_batches():
    member, data = network().eval(), batches()
    assert calibrate(member, iter(data)) == 5
    with torch.no_grad():
        outputs = [member[0](x) for (x,) in data]
    assert torch.allclose(member[1].running_mean, torch.stack([y.mean((0, 2, 3)) for y in outputs]).mean(0), atol=1e-5)
    assert torch.allclose(member[1].running_var, torch.stack([y.var((0, 2, 3)) for y in outputs]).mean(0), rtol=1e-4)


def test_touches_nothing_but_the_statistics_and_restores_modes():
    member = network().train()
    member[2].eval()
    before, modes = copy.deepcopy(member.state_dict()), [m.training for m in member.modules()]
    calibrate(member, batches())
    changed = {k for k, v in member.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert [m.training for m in member.modules()] == modes
    assert member[1].momentum == 0.3
    assert all(p.grad is None for p in member.parameters())


def test_the_number_of_batches_is_an_option_and_any_iterable_will_do():
    one, two = network().eval(), None
    two = copy.deepcopy(one)
    data = batches()
    assert calibrate(one, (b for b in data), max_batches=2) == 2
    assert calibrate(two, data[:2]) == 2
    assert torch.equal(one[1].running_var, two[1].running_var)


def test_starts_from_nothing_whatever_was_there():
    one = network().eval()
    two = copy.deepcopy(one)
    two[1].running_mean.fill_(100.0)
    data = batches()
    calibrate(one, data)
    calibrate(two, data)
    assert torch.equal(one[1].running_mean, two[1].running_mean)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([], "no batch"),
        ([(torch.randn(2, 5, 8, 8),)], "batch 1"),
        ([(torch.full((2, 3, 8, 8), float("nan")),)], "1 infinite or NaN"),
    ],
)
def test_bad_batches_leave_the_old_statistics(bad, message):
    member = network().eval()
    before = copy.deepcopy(member.state_dict())
    with pytest.raises(RequestError, match=message):
        calibrate(member, bad)
    assert all(torch.equal(v, before[k]) for k, v in member.state_dict().items())
    assert not member[1].training
