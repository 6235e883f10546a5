"""A BatchNorm after a convolution or linear layer is folded into it, or the rule records its reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn

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
def test_convolution(kind, baking, layer_types, randomized):
    convolution, shape = CONVOLUTIONS[kind]
    norm = {3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}[len(shape)](6)
    baked = baking(randomized(nn.Sequential(convolution, norm)), torch.randn(shape))
    assert layer_types(baked) == [type(convolution).__name__]
    assert [a.layer for a in baked.applied] == ["1"]


@pytest.mark.parametrize("affine", [True, False])
def test_linear(affine, baking, layer_types, randomized):
    baked = baking(randomized(nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(7, affine=affine))), torch.randn(3, 5))
    assert layer_types(baked) == ["Linear"]


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


class Shared(nn.Module):
    """One convolution, called before two BatchNorms."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn1, self.bn2 = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.bn1(self.conv(x)) + self.bn2(self.conv(x + 1))


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
        (Shared(), (1, 3, 4, 4), "conv is called 2 times"),
        (AfterSum(), (1, 3, 4, 4), "it follows a add, not a convolution or linear layer"),
        (nn.Sequential(nn.Linear(5, 7), nn.BatchNorm1d(4)), (2, 4, 5), "it normalizes axis 1, but 0 writes"),
        (nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.BatchNorm2d(4)), (1, 3, 4, 4), "it follows 1 (ReLU)"),
    ],
)
def test_refused_with_its_reason_and_kept(member, shape, reason, baking, layer_types, randomized):
    baked = baking(randomized(member), torch.randn(shape))
    assert any(reason in r.reason for r in baked.refused if r.rule == "fold_batchnorm_into_previous")
    assert any(name.startswith("BatchNorm") for name in layer_types(baked))


def test_batch_statistics_are_refused(layer_types):
    from edge_export.baking.bake import bake

    member = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    baked = bake(member, (torch.randn(2, 3, 4, 4),))
    assert "it normalizes by the statistics of each batch" in {r.reason for r in baked.refused}
    assert "BatchNorm2d" in layer_types(baked)
