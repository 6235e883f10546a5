"""An elastic MobileNetV3 with a free kernel size, expansion and depth, as Once-for-All has it (arXiv 1908.09791).

A member has the middle of each kernel, turned by a learned matrix; the first channels of each expansion; and the first
blocks of each stage.

    python -m edge_export build --target linux --mother examples.networks.mobilenet_v3:ElasticMobileNetV3
"""

import copy
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.mothers.us_mobilenet.slimmable import SlimmableBatchNorm2d, SlimmableConv2d, make_divisible
from examples.networks.listed import Listed, pictures


class Sub(NamedTuple):
    """A configuration: kernels of k × k, expansions by e, and d blocks in each stage."""

    kernel: int
    expand: int
    depth: int


SMALL, LARGE = Sub(3, 3, 1), Sub(5, 6, 2)


class HardSwish(nn.Module):
    def forward(self, x):
        return x * F.relu6(x + 3) / 6


class Squeeze(nn.Module):
    """Squeeze and excitation: a gate for each channel."""

    def __init__(self, reduce, expand):
        super().__init__()
        self.reduce, self.expand = reduce, expand

    def forward(self, x):
        return x * F.relu6(self.expand(F.relu(self.reduce(x.mean((2, 3), keepdim=True)))) + 3) / 6


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class ElasticDepthwise(nn.Conv2d):
    """A depthwise convolution of 5 × 5, or of its middle 3 × 3 times a learned matrix."""

    def __init__(self, channels, stride):
        super().__init__(channels, channels, 5, stride, 2, groups=channels, bias=False)
        self.to_3 = nn.Parameter(torch.eye(9) + torch.randn(9, 9) / 20)

    def kernels(self, kernel, channels):
        if kernel == 5:
            return self.weight[:channels]
        return (self.weight[:channels, :, 1:4, 1:4].flatten(2) @ self.to_3).unflatten(2, (3, 3))

    def forward(self, x, kernel):
        channels = x.shape[1]
        return F.conv2d(x, self.kernels(kernel, channels), None, self.stride, kernel // 2, groups=channels)

    def extract(self, kernel, channels):
        plain = nn.Conv2d(channels, channels, kernel, self.stride, kernel // 2, groups=channels, bias=False)
        plain.weight.data = self.kernels(kernel, channels).detach().clone()
        return plain


class ElasticBlock(nn.Module):
    """Expand, a depthwise convolution, squeeze and excitation, project."""

    def __init__(self, inside, outside, stride, activation):
        super().__init__()
        widest = inside * LARGE.expand
        self.inside, self.activation, self.shortcut = inside, activation, stride == 1 and inside == outside
        self.expand, self.norm_1 = SlimmableConv2d(inside, widest, 1), SlimmableBatchNorm2d(widest)
        self.depthwise, self.norm_2 = ElasticDepthwise(widest, stride), SlimmableBatchNorm2d(widest)
        self.reduce = SlimmableConv2d(widest, make_divisible(widest / 4), 1, bias=True)
        self.excite = SlimmableConv2d(make_divisible(widest / 4), widest, 1, bias=True)
        self.project, self.norm_3 = SlimmableConv2d(widest, outside, 1), SlimmableBatchNorm2d(outside)

    def forward(self, x, config):
        width = self.inside * config.expand
        y = self.activation(self.norm_1(self.expand(x, width)))
        y = self.activation(self.norm_2(self.depthwise(y, config.kernel)))
        squeezed = F.relu(self.reduce(y.mean((2, 3), keepdim=True), make_divisible(width / 4)))
        y = y * F.relu6(self.excite(squeezed, width) + 3) / 6
        y = self.norm_3(self.project(y))
        return x + y if self.shortcut else y

    def extract(self, config):
        width = self.inside * config.expand
        squeezed = make_divisible(width / 4)
        return (Residual if self.shortcut else nn.Sequential)(
            *(self.expand.extract(self.inside, width), self.norm_1.extract(width), self.activation),
            *(self.depthwise.extract(config.kernel, width), self.norm_2.extract(width), self.activation),
            Squeeze(self.reduce.extract(width, squeezed), self.excite.extract(squeezed, width)),
            *(self.project.extract(width), self.norm_3.extract(self.norm_3.num_features)),
        )


class ElasticMobileNetV3(nn.Module):
    """Members "k3e3d1" to "k5e6d2"."""

    space = Listed(k3e3d1=SMALL, k5e6d2=LARGE)
    io = IOSpec(
        (TensorSpec("image", (1, 3, 64, 64), layout="NCHW", unit="pixels in 0..1"),), (TensorSpec("logits", (1, 10)),)
    )

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), HardSwish())
        self.stages = nn.ModuleList(
            nn.ModuleList(ElasticBlock(*shape, activation) for shape in ((inside, outside, 2), (outside, outside, 1)))
            for inside, outside, activation in ((16, 24, nn.ReLU()), (24, 40, HardSwish()))
        )
        self.last = nn.Sequential(nn.Conv2d(40, 96, 1, bias=False), nn.BatchNorm2d(96), HardSwish())
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 128), HardSwish(), nn.Linear(128, 10)
        )

    def forward(self, image, config=None):
        config = config or LARGE
        x = self.stem(image)
        for blocks in self.stages:
            for block in blocks[: config.depth]:
                x = block(x, config)
        return self.head(self.last(x))

    def extract(self, config):
        blocks = [block.extract(config) for blocks in self.stages for block in blocks[: config.depth]]
        return copy.deepcopy(nn.Sequential(self.stem, *blocks, self.last, self.head)).eval()

    def example_inputs(self, config):
        return (torch.zeros(1, 3, 64, 64),)

    def recordings(self):
        return pictures()
