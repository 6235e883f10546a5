"""Slimmable layers compute the same as torch's own layers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edge_export.mothers.us_mobilenet.slimmable import (
    AverageScale,
    SlimmableBatchNorm2d,
    SlimmableConv2d,
    SlimmableLinear,
    SwitchableBatchNorm2d,
    make_divisible,
)


@pytest.mark.parametrize(
    ("value", "channels"), [(8, 8), (8.8, 8), (9.6, 16), (11.9, 16), (12, 16), (320 * 0.35, 112), (3, 9), (0.5, 1)]
)
def test_make_divisible_rounds_to_eight_and_never_loses_a_tenth(value: float, channels: int) -> None:
    assert make_divisible(value) == channels


def test_make_divisible_takes_another_divisor_and_minimum() -> None:
    assert make_divisible(6, divisor=4) == 8
    assert make_divisible(1, divisor=4, min_value=4) == 4


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("averaged", [False, True])
def test_convolution_is_a_slice_of_the_full_one(bias: bool, averaged: bool) -> None:
    elastic = SlimmableConv2d(12, 8, 3, stride=2, bias=bias, averaged=averaged)
    x = torch.randn(2, 6, 9, 9)
    y = elastic(x, 5)
    expected = nn.functional.conv2d(
        x, elastic.weight[:5, :6], elastic.bias[:5] if elastic.bias is not None else None, stride=2, padding=1
    )
    torch.testing.assert_close(y, expected * 2 if averaged else expected)
    plain = elastic.extract(6, 5)
    assert type(plain) is nn.Conv2d
    torch.testing.assert_close(AverageScale(elastic.average_factor(6))(plain(x)), y)


def test_depthwise_convolution_keeps_its_channels_and_is_never_averaged() -> None:
    elastic = SlimmableConv2d(8, 8, 3, depthwise=True, averaged=True)
    x = torch.randn(1, 3, 5, 5)
    plain = elastic.extract(3)
    assert plain.groups == plain.in_channels == plain.out_channels == 3
    assert elastic.average_factor(3) == 1.0
    torch.testing.assert_close(plain(x), elastic(x))
    with pytest.raises(ValueError, match="keeps its channels"):
        elastic(x, 4)
    with pytest.raises(ValueError, match="keeps its channels"):
        SlimmableConv2d(8, 16, 3, depthwise=True)


@pytest.mark.parametrize("averaged", [False, True])
def test_linear_is_a_slice_of_the_full_one(averaged: bool) -> None:
    elastic = SlimmableLinear(10, 6, averaged=averaged)
    x = torch.randn(4, 5)
    expected = nn.functional.linear(x, elastic.weight[:3, :5], elastic.bias[:3])
    torch.testing.assert_close(elastic(x, 3), expected * 2 if averaged else expected)
    torch.testing.assert_close(elastic.extract(5, 3)(x) * elastic.average_factor(5), elastic(x, 3))


def test_average_changes_nothing_at_full_width() -> None:
    assert SlimmableConv2d(4, 4, 1, averaged=True).average_factor(4) == 1.0
    assert SlimmableLinear(4, 4, averaged=True).average_factor(4) == 1.0


@pytest.mark.parametrize(("active_in", "active_out"), [(0, 4), (9, 4), (8, 0), (8, 5)])
def test_illegal_channels_are_named(active_in: int, active_out: int) -> None:
    with pytest.raises(ValueError, match="are active, but the layer has"):
        SlimmableConv2d(8, 4, 1).extract(active_in, active_out)
    with pytest.raises(ValueError, match="are active, but the layer has"):
        SlimmableLinear(8, 4).extract(active_in, active_out)


@pytest.mark.parametrize("momentum", [0.1, None])
def test_batchnorm_tracks_like_torchs_own_on_the_active_channels(momentum: float | None) -> None:
    elastic, own = SlimmableBatchNorm2d(6), nn.BatchNorm2d(4)
    elastic.momentum = own.momentum = momentum
    for _ in range(3):
        x = torch.randn(5, 4, 3, 3) * 2 + 1
        torch.testing.assert_close(elastic(x), own(x))
    assert elastic.running_mean is not None
    assert elastic.running_var is not None
    torch.testing.assert_close(elastic.running_mean[:4], own.running_mean)
    torch.testing.assert_close(elastic.running_var[:4], own.running_var)
    assert torch.equal(elastic.running_mean[4:], torch.zeros(2)), "inactive channels stay as they were"
    assert torch.equal(elastic.running_var[4:], torch.ones(2))
    elastic.eval(), own.eval()
    torch.testing.assert_close(elastic(x), own(x))
    torch.testing.assert_close(elastic.extract(4)(x), own(x))


def test_listed_widths_keep_statistics_of_their_own() -> None:
    norm = SlimmableBatchNorm2d(6, listed_features=(3, 6))
    norm.momentum = None
    narrow, wide = torch.randn(8, 3, 2, 2) + 5, torch.randn(8, 6, 2, 2) - 5
    norm(narrow, 0)
    norm(wide, 1)
    norm(torch.randn(8, 4, 2, 2))
    norm.eval()
    assert norm.extract(3, 0).running_mean.mean() > 4
    assert norm.extract(6, 1).running_mean.mean() < -4
    assert norm.extract(4).running_mean.abs().mean() < 1
    assert set(norm.state_dict()) == {"weight", "bias"} | {
        f"bn.{i}.{name}" for i in (0, 1) for name in ("running_mean", "running_var", "num_batches_tracked")
    }


def test_recalibrating_one_listed_width_leaves_the_other_and_forgets_what_it_was() -> None:
    norm = SlimmableBatchNorm2d(6, listed_features=(3, 6))
    norm(torch.randn(8, 3, 2, 2) + 5, 0)
    norm(torch.randn(8, 6, 2, 2) - 5, 1)
    wide = norm.extract(6, 1).running_mean
    batch = torch.randn(8, 3, 2, 2) + 100
    norm.momentum = None
    norm.reset_running_stats()
    norm(batch, 0)
    torch.testing.assert_close(norm.extract(3, 0).running_mean, batch.mean((0, 2, 3)))
    assert torch.equal(norm.extract(6, 1).running_mean, wide)


def test_gradients_reach_the_active_weights_only() -> None:
    conv = SlimmableConv2d(4, 4, 1)
    conv(torch.randn(1, 2, 2, 2), 3).sum().backward()
    assert conv.weight.grad is not None
    assert conv.weight.grad[:3, :2].abs().min() > 0
    assert conv.weight.grad[3:].abs().max() == conv.weight.grad[:, 2:].abs().max() == 0


def test_switchable_batchnorm_learns_each_width_by_itself() -> None:
    """Weight, bias and statistics of a width are those of a BatchNorm that saw nothing but that width."""
    switchable, own = SwitchableBatchNorm2d((3, 6)), nn.BatchNorm2d(3)
    for _ in range(3):
        narrow, wide = torch.randn(8, 3, 2, 2) + 5, torch.randn(8, 6, 2, 2) - 5
        torch.testing.assert_close(switchable(narrow, 0), own(narrow))
        switchable(wide, 1)
    plain = switchable.extract(3, 0)
    assert not plain.training
    assert all(torch.equal(tensor, own.state_dict()[name]) for name, tensor in plain.state_dict().items())
    assert set(switchable.state_dict()) == {f"bn.{i}.{name}" for i in (0, 1) for name in own.state_dict()}
    with pytest.raises(ValueError, match="4 channels are active, but the listed BatchNorm has 3"):
        switchable.extract(4, 0)
