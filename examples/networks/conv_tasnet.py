"""A Conv-TasNet (arXiv 1809.07454) with free repeats: two voices of a second of sound.

python -m edge_export build --target linux --mother examples.networks.conv_tasnet:ElasticConvTasNet
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, TensorSpec
from examples.networks.listed import Listed, sounds

SAMPLES, VOICES = 16000, 2
FILTERS, KERNEL, BOTTLENECK, HIDDEN = 64, 32, 32, 64
BLOCKS, REPEATS = 5, 2


class Block(nn.Module):
    """A dilated depthwise convolution between two of 1 × 1: what it adds to the way on, and to the masks."""

    def __init__(self, dilation):
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv1d(BOTTLENECK, HIDDEN, 1), nn.PReLU(), nn.GroupNorm(1, HIDDEN, eps=1e-8)),
            nn.Conv1d(HIDDEN, HIDDEN, 3, padding=dilation, dilation=dilation, groups=HIDDEN),
            *(nn.PReLU(), nn.GroupNorm(1, HIDDEN, eps=1e-8)),
        )
        self.onward, self.skip = nn.Conv1d(HIDDEN, BOTTLENECK, 1), nn.Conv1d(HIDDEN, BOTTLENECK, 1)

    def forward(self, x):
        y = self.layers(x)
        return x + self.onward(y), self.skip(y)


class ConvTasNet(nn.Module):
    """`(batch, samples)` to `(batch, voices, samples)`."""

    def __init__(self, repeats):
        super().__init__()
        self.encoder = nn.Conv1d(1, FILTERS, KERNEL, KERNEL // 2, bias=False)
        self.before = nn.Sequential(nn.GroupNorm(1, FILTERS, eps=1e-8), nn.Conv1d(FILTERS, BOTTLENECK, 1))
        self.blocks = nn.ModuleList(Block(2**power) for _ in range(repeats) for power in range(BLOCKS))
        self.masks = nn.Sequential(nn.PReLU(), nn.Conv1d(BOTTLENECK, VOICES * FILTERS, 1), nn.Sigmoid())
        self.decoder = nn.ConvTranspose1d(FILTERS, 1, KERNEL, KERNEL // 2, bias=False)

    def forward(self, mixture):
        return self.separate(mixture, self.blocks)

    def separate(self, mixture, blocks):
        encoded = F.relu(self.encoder(mixture.unsqueeze(1)))
        x, skips = self.before(encoded), 0
        for block in blocks:
            x, skip = block(x)
            skips = skips + skip
        masked = self.masks(skips).unflatten(1, (VOICES, FILTERS)) * encoded.unsqueeze(1)
        return self.decoder(masked.flatten(0, 1)).view(len(mixture), VOICES, -1)


class ElasticConvTasNet(nn.Module):
    """Members "r1" and "r2", of that many repeats."""

    space = Listed(r1=1, r2=2)
    io = IOSpec(
        (TensorSpec("mixture", (1, SAMPLES), unit="samples in -1..1"),),
        (TensorSpec("voices", (1, VOICES, SAMPLES), unit="samples in -1..1"),),
    )

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = ConvTasNet(REPEATS)

    def forward(self, mixture, config=REPEATS):
        return self.network.separate(mixture, self.network.blocks[: config * BLOCKS])

    def extract(self, config):
        member = copy.deepcopy(self.network)
        del member.blocks[config * BLOCKS :]
        return member

    def example_inputs(self, config):
        return (torch.zeros(1, SAMPLES),)

    def recordings(self):
        return sounds(SAMPLES)
