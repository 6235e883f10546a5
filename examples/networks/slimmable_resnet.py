"""A slimmable ResNet: two widths, a BatchNorm for each (arXiv 1812.08928), and He's basic blocks (arXiv 1512.03385).

python -m edge_export build --target linux --mother examples.networks.slimmable_resnet:SlimmableResNet
"""

import torch
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.mothers.us_mobilenet.slimmable import SlimmableConv2d, SlimmableLinear, SwitchableBatchNorm2d
from examples.networks.listed import Listed, pictures

WIDTHS = (0.5, 1.0)
STAGES = ((16, 1), (32, 2), (64, 2))
"""Channels at full width, and the stride, of each stage."""


class Convolution(nn.Module):
    """A convolution of 3 × 3 or 1 × 1 and a BatchNorm, at each of the widths."""

    def __init__(self, inside, outside, kernel, stride):
        super().__init__()
        self.convolution = SlimmableConv2d(inside, outside, kernel, stride=stride)
        self.norm = SwitchableBatchNorm2d(tuple(int(outside * width) for width in WIDTHS))

    def forward(self, x, width):
        channels = int(self.convolution.out_channels * width)
        return self.norm(self.convolution(x, channels), WIDTHS.index(width))

    def extract(self, width, inside=None):
        inside = inside or int(self.convolution.in_channels * width)
        outside = int(self.convolution.out_channels * width)
        return nn.Sequential(self.convolution.extract(inside, outside), self.norm.extract(outside, WIDTHS.index(width)))


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, first, second, shortcut):
        super().__init__()
        self.first, self.second, self.shortcut = first, second, shortcut

    def forward(self, x, *width):
        across = x if self.shortcut is None else self.shortcut(x, *width)
        return F.relu(self.second(F.relu(self.first(x, *width)), *width) + across)

    def extract(self, width):
        shortcut = None if self.shortcut is None else self.shortcut.extract(width)
        return Block(self.first.extract(width), self.second.extract(width), shortcut)


class SlimmableResNet(nn.Module):
    """Members "w0.5" and "w1.0"."""

    space = Listed(**{f"w{width}": width for width in WIDTHS})
    io = IOSpec(
        (TensorSpec("image", (1, 3, 64, 64), layout="NCHW", unit="pixels in 0..1"),), (TensorSpec("logits", (1, 10)),)
    )

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = Convolution(3, 16, 7, 2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        blocks, inside = [], 16
        for outside, stride in STAGES:
            shortcut = None if inside == outside else Convolution(inside, outside, 1, stride)
            blocks.append(Block(Convolution(inside, outside, 3, stride), Convolution(outside, outside, 3, 1), shortcut))
            inside = outside
        self.blocks = nn.ModuleList(blocks)
        self.head = SlimmableLinear(inside, 10)

    def forward(self, image, config=None):
        width = config or WIDTHS[-1]
        x = self.pool(F.relu(self.stem(image, width)))
        for block in self.blocks:
            x = block(x, width)
        return self.head(x.mean((2, 3)))

    def extract(self, config):
        blocks = [block.extract(config) for block in self.blocks]
        head = self.head.extract(int(self.head.in_features * config))
        stem = (self.stem.extract(config, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).eval()

    def example_inputs(self, config):
        return (torch.zeros(1, 3, 64, 64),)

    def recordings(self):
        return pictures()
