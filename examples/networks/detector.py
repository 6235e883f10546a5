"""A detector of one stage with a pyramid of two levels (arXiv 1904.01355): its heads have a free depth.

It returns a dict: for each place a score of each class, a box in pixels, and how near it is to the box's center.

    python -m edge_export build --target linux --mother examples.networks.detector:ElasticDetector
"""

import copy

import torch
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, TensorSpec
from examples.networks.listed import Listed, pictures

SIDE, CLASSES, CHANNELS, STRIDES = 64, 5, 32, (8, 16)
PLACES = sum((SIDE // stride) ** 2 for stride in STRIDES)


def convolution(inside, outside, stride=1):
    return nn.Sequential(nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.SiLU())


def tower():
    return nn.ModuleList(
        nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), nn.GroupNorm(8, CHANNELS), nn.ReLU())
        for _ in range(2)
    )


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(convolution(3, 16, 2), convolution(16, 24, 2), convolution(24, 32, 2))
        self.deeper = convolution(32, 48, 2)
        self.lateral = nn.ModuleList([nn.Conv2d(32, CHANNELS, 1), nn.Conv2d(48, CHANNELS, 1)])
        self.smooth = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.of_class, self.of_box = tower(), tower()
        self.scores = nn.Conv2d(CHANNELS, CLASSES, 3, padding=1)
        self.box, self.center = nn.Conv2d(CHANNELS, 4, 3, padding=1), nn.Conv2d(CHANNELS, 1, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(len(STRIDES)))

    def forward(self, image):
        return self.detect(image, self.of_class, self.of_box)

    def detect(self, image, of_class, of_box):
        fine = self.stem(image)
        coarse = self.lateral[1](self.deeper(fine))
        fine = self.smooth(self.lateral[0](fine) + F.interpolate(coarse, scale_factor=2, mode="nearest"))
        levels = [self.level(*each, of_class, of_box) for each in zip((fine, coarse), STRIDES, self.scale, strict=True)]
        scores, boxes, centers = (torch.cat(parts, 1) for parts in zip(*levels, strict=True))
        return {"scores": scores.sigmoid(), "boxes": boxes, "centers": centers.sigmoid().squeeze(2)}

    def level(self, x, stride, scale, of_class, of_box):
        seen, placed = x, x
        for in_class, in_box in zip(of_class, of_box, strict=True):
            seen, placed = in_class(seen), in_box(placed)
        height, width = x.shape[2:]
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        here = (torch.stack([columns, rows], -1).view(1, -1, 2) + 0.5) * stride
        left_top, right_bottom = ((self.box(placed) * scale).exp() * stride).flatten(2).mT.chunk(2, 2)
        boxes = torch.cat([here - left_top, here + right_bottom], 2).clamp(0, SIDE)
        return self.scores(seen).flatten(2).mT, boxes, self.center(placed).flatten(2).mT


class ElasticDetector(nn.Module):
    """Members "d1" and "d2", of that many layers in each head."""

    space = Listed(d1=1, d2=2)
    io = IOSpec(
        (TensorSpec("image", (1, 3, SIDE, SIDE), layout="NCHW", unit="pixels in 0..1"),),
        (
            TensorSpec("scores", (1, PLACES, CLASSES)),
            TensorSpec("boxes", (1, PLACES, 4), unit="pixels: left, top, right, bottom"),
            TensorSpec("centers", (1, PLACES)),
        ),
    )

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = Detector()

    def forward(self, image, config=2):
        return self.network.detect(image, self.network.of_class[:config], self.network.of_box[:config])

    def extract(self, config):
        member = copy.deepcopy(self.network)
        del member.of_class[config:], member.of_box[config:]
        return member

    def example_inputs(self, config):
        return (torch.zeros(1, 3, SIDE, SIDE),)

    def recordings(self):
        return pictures(SIDE)
