"""MobileNet v1 and v2 as data: the layers whose channels follow the width, and the blocks that connect them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from edge_export.mothers.us_mobilenet.width_space import ElasticLayer, WidthSpace


@dataclass(frozen=True)
class Step:
    """One convolution with its BatchNorm.

    Attributes:
        source: The index of the elastic layer that sets the input channels; None: the input is the image.
        layer: The index of the elastic layer that sets the output channels; None: they are fixed, see `fixed_out`.
        kernel_size: 1 or 3.
        stride: 1 or 2.
        activated: Whether an activation follows.
        fixed_out: The output channels if they do not follow the width.
    """

    source: int | None
    layer: int | None
    kernel_size: int = 1
    stride: int = 1
    activated: bool = True
    fixed_out: int = 0

    @property
    def depthwise(self) -> bool:
        """Whether the convolution is depthwise: the same elastic layer sets its input and output channels."""
        return self.layer is not None and self.layer == self.source


@dataclass(frozen=True)
class Block:
    """The steps between two named points of the network; `residual` adds the block's input to its output."""

    steps: tuple[Step, ...]
    residual: bool = False


@dataclass(frozen=True)
class Architecture:
    """A MobileNet as data: its elastic layers, a stem, blocks and an optional head."""

    space: WidthSpace
    stem: Step
    blocks: tuple[Block, ...]
    head: Step | None
    activation: type[nn.Module]


def mobilenet_v1(
    stem: int = 32,
    blocks: Sequence[tuple[int, int]] = (
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        *((512, 1),) * 5,
        (1024, 2),
        (1024, 1),
    ),
    *,
    narrowest: float = 0.25,
    widest: float = 1.0,
    divisor: int = 8,
) -> Architecture:
    """Returns MobileNet v1 (arXiv 1704.04861): depthwise and pointwise convolutions.

    `blocks` lists (channels, stride). The activation is ReLU6, as in the published US-MobileNet v1.
    """
    layers = [ElasticLayer("features.0.0", stem)]
    built = []
    for number, (channels, stride) in enumerate(blocks, 1):
        source = len(layers) - 1
        layers.append(ElasticLayer(f"features.{number}.body.3", channels))
        built.append(Block((Step(source, source, 3, stride), Step(source, source + 1))))
    space = WidthSpace(tuple(layers), (), narrowest, widest, divisor=divisor)
    return Architecture(space, Step(None, 0, 3, 2), tuple(built), None, nn.ReLU6)


def mobilenet_v2(
    stem: int = 32,
    stages: Sequence[tuple[int, int, int, int]] = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ),
    head: int = 1280,
    *,
    narrowest: float = 0.35,
    widest: float = 1.0,
    divisor: int = 8,
) -> Architecture:
    """Returns MobileNet v2 (arXiv 1801.04381): inverted residuals.

    `stages` lists (expansion, channels, blocks, stride). The head's channels do not follow the width.
    """
    layers = [ElasticLayer("features.0.0", stem)]
    residuals: list[tuple[int, int]] = []
    built: list[Block] = []
    channels_in, source = stem, 0
    for expansion, channels, count, first_stride in stages:
        for stride in (first_stride, *(1,) * (count - 1)):
            body = f"features.{len(built) + 1}.body"
            steps: list[Step] = []
            hidden = source
            if expansion != 1:
                hidden = len(layers)
                layers.append(ElasticLayer(f"{body}.0", channels_in * expansion, expansion))
                steps.append(Step(source, hidden))
            out = len(layers)
            layers.append(ElasticLayer(f"{body}.{3 * len(steps) + 3}", channels))
            steps += [Step(hidden, hidden, 3, stride), Step(hidden, out, activated=False)]
            residual = stride == 1 and channels_in == channels
            if residual:
                residuals.append((source, out))
            built.append(Block(tuple(steps), residual))
            channels_in, source = channels, out
    space = WidthSpace(tuple(layers), tuple(residuals), narrowest, widest, divisor=divisor)
    return Architecture(space, Step(None, 0, 3, 2), tuple(built), Step(source, None, fixed_out=head), nn.ReLU6)
