"""MobileNets that run at any width (US-MobileNet, arXiv 1903.05134), or at listed widths (arXiv 1812.08928).

The names in the state dict are those of the published checkpoints: `features.1.body.0.weight`,
`features.0.1.bn.<i>.running_mean` (statistics of the i-th listed width), `classifier.0.weight`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn, zeros

from edge_export.mothers.us_mobilenet.architecture import Architecture, Step, mobilenet_v1, mobilenet_v2
from edge_export.mothers.us_mobilenet.listed_widths import ListedWidths
from edge_export.mothers.us_mobilenet.slimmable import (
    AverageScale,
    SlimmableBatchNorm2d,
    SlimmableConv2d,
    SlimmableLinear,
    SwitchableBatchNorm2d,
)
from edge_export.mothers.us_mobilenet.width_space import LayerWidths, Width, WidthConfig
from edge_export.spec.tensors import IOSpec, TensorSpec

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class SlimmableBody(nn.Sequential):
    """One or more steps of convolution, BatchNorm and activation, at any width."""

    def __init__(
        self,
        steps: Sequence[Step],
        architecture: Architecture,
        listed_channels: Sequence[tuple[int, ...]],
        *,
        image_channels: int,
        averaged: bool,
        switchable: bool,
    ) -> None:
        full = architecture.space.active_channels(architecture.space.largest)
        layers: list[nn.Module] = []
        for step in steps:
            in_channels = image_channels if step.source is None else full[step.source]
            out_channels = step.fixed_out if step.layer is None else full[step.layer]
            listed = () if step.layer is None else tuple(channels[step.layer] for channels in listed_channels)
            layers.append(
                SlimmableConv2d(
                    in_channels,
                    out_channels,
                    step.kernel_size,
                    stride=step.stride,
                    depthwise=step.depthwise,
                    averaged=averaged,
                )
            )
            if switchable:
                layers.append(SwitchableBatchNorm2d(listed or (out_channels,) * len(listed_channels)))
            else:
                layers.append(SlimmableBatchNorm2d(out_channels, listed))
            if step.activated:
                layers.append(architecture.activation())
        super().__init__(*layers)
        self.steps = tuple(steps)

    def forward(self, input: Tensor, active: tuple[int, ...] = (), listed: int | None = None) -> Tensor:
        """Runs `(batch, channels, height, width)` through all layers. `active` holds each elastic layer's channels."""
        out_channels = self._out_channels(active)
        x: Tensor = input
        for layer in self:
            if isinstance(layer, SlimmableConv2d):
                x = layer(x, next(out_channels))
            elif isinstance(layer, SlimmableBatchNorm2d | SwitchableBatchNorm2d):
                x = layer(x, listed)
            else:
                x = layer(x)
        return x

    def extract(self, in_channels: int, active: tuple[int, ...], listed: int | None) -> nn.Sequential:
        """Returns plain layers for `in_channels` inputs. An `AverageScale` follows each averaged convolution."""
        out_channels = self._out_channels(active)
        channels = in_channels
        plain: list[nn.Module] = []
        for layer in self:
            if isinstance(layer, SlimmableConv2d):
                conv = layer.extract(channels, next(out_channels))
                plain += [conv, *_average_scale(layer, channels)]
                channels = conv.out_channels
            elif isinstance(layer, SlimmableBatchNorm2d):
                plain.append(layer.extract(channels, listed))
            elif isinstance(layer, SwitchableBatchNorm2d):
                assert listed is not None, "the space of such a mother has listed widths only"
                plain.append(layer.extract(channels, listed))
            else:
                plain.append(type(layer)())
        return nn.Sequential(*plain)

    def _out_channels(self, active: tuple[int, ...]) -> Iterator[int | None]:
        return (None if step.layer is None else active[step.layer] for step in self.steps)


class SlimmableBlock(nn.Module):
    """An elastic block: a body, whose input is added to its output if the block is residual."""

    def __init__(self, body: SlimmableBody, residual: bool) -> None:
        super().__init__()
        self.body = body
        self.residual = residual

    def forward(self, x: Tensor, active: tuple[int, ...], listed: int | None) -> Tensor:
        """Maps `(batch, channels, height, width)` at the elastic layers' `active` channels."""
        y: Tensor = self.body(x, active, listed)
        return x + y if self.residual else y

    def extract(self, in_channels: int, active: tuple[int, ...], listed: int | None) -> nn.Module:
        """Returns the plain block."""
        return PlainBlock(self.body.extract(in_channels, active, listed), self.residual)


class PlainBlock(nn.Module):
    """A member's block: a fixed body, whose input is added to its output if the block is residual."""

    def __init__(self, body: nn.Sequential, residual: bool) -> None:
        super().__init__()
        self.body = body
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Maps `(batch, channels, height, width)` to the same rank."""
        y: Tensor = self.body(x)
        return x + y if self.residual else y


class MobileNet(nn.Module):
    """A member: a fixed MobileNet that consists of torch's own layers."""

    def __init__(self, features: nn.Sequential, classifier: nn.Sequential) -> None:
        super().__init__()
        self.features = features
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = classifier

    def forward(self, image: Tensor) -> Tensor:
        """Maps `(batch, channels, height, width)` to logits `(batch, classes)`."""
        return self.classifier(self.pool(self.features(image)).flatten(1))  # type: ignore[no-any-return]


class UsMobileNet(nn.Module):
    """A MobileNet that runs at any width of its space (arXiv 1903.05134), or at listed widths (arXiv 1812.08928).

    Args:
        architecture: The layers and widths, from `mobilenet_v1()` or `mobilenet_v2()`.
        resolution: The height and width of the image, in pixels.
        image_channels: 3 for RGB, 1 for gray.
        classes: The number of logits.
        labels: The class names, if known.
        mean, std: The mean and standard deviation that normalize each channel of an image in 0..1; empty: no
            normalization.
        listed_widths: The widths that have their own BatchNorm statistics in the state dict, as published.
        averaged: Whether convolutions and the classifier are averaged over their inputs, see `SlimmableConv2d`.
        switchable: Whether each listed width has a whole BatchNorm of its own. No other width is legal then.
    """

    def __init__(
        self,
        architecture: Architecture,
        *,
        resolution: int = 224,
        image_channels: int = 3,
        classes: int = 1000,
        labels: tuple[str, ...] = (),
        mean: tuple[float, ...] = IMAGENET_MEAN,
        std: tuple[float, ...] = IMAGENET_STD,
        listed_widths: tuple[float, ...] = (),
        averaged: bool = False,
        switchable: bool = False,
    ) -> None:
        super().__init__()
        self.space = ListedWidths(listed_widths, architecture.space) if switchable else architecture.space
        self.listed_widths = listed_widths
        listed_channels = [self.space.active_channels(Width(width)) for width in listed_widths]

        def body(steps: Sequence[Step]) -> SlimmableBody:
            return SlimmableBody(
                steps,
                architecture,
                listed_channels,
                image_channels=image_channels,
                averaged=averaged,
                switchable=switchable,
            )

        features: list[nn.Module] = [body([architecture.stem])]
        features += [SlimmableBlock(body(block.steps), block.residual) for block in architecture.blocks]
        if architecture.head is not None:
            features.append(body([architecture.head]))
        self.features = nn.ModuleList(features)
        last = self.space.active_channels(self.space.largest)[-1]
        pooled = last if architecture.head is None else architecture.head.fixed_out
        self.classifier = nn.Sequential(SlimmableLinear(pooled, classes, averaged=averaged))
        unit = "pixels in 0..1, minus mean, over std" if mean else "pixels in 0..1"
        shape = (1, image_channels, resolution, resolution)
        image = TensorSpec("image", shape, layout="NCHW", unit=unit, mean=mean, std=std)
        self.io = IOSpec((image,), (TensorSpec("logits", (1, classes), unit="logits"),), labels=labels)

    def forward(self, image: Tensor, config: WidthConfig | None = None) -> Tensor:
        """Maps an image `(batch, channels, height, width)` to logits `(batch, classes)`.

        Raises RequestError if `config` is illegal.
        """
        active, listed = self._resolve(config)
        x = image
        for part in self.features:
            x = part(x, active, listed)
        return self.classifier(x.mean((2, 3)))  # type: ignore[no-any-return]

    def extract(self, config: WidthConfig) -> MobileNet:
        """Returns the plain MobileNet at `config`, in eval mode, with copied weights.

        Raises RequestError if `config` is illegal.
        """
        active, listed = self._resolve(config)
        channels = self.io.inputs[0].shape[1]
        features: list[nn.Module] = []
        for part in self.features:
            assert isinstance(part, SlimmableBody | SlimmableBlock)
            features.append(part.extract(channels, active, listed))
            last_step = (part if isinstance(part, SlimmableBody) else part.body).steps[-1]
            channels = last_step.fixed_out if last_step.layer is None else active[last_step.layer]
        linear = self.classifier[0]
        assert isinstance(linear, SlimmableLinear)
        classifier = nn.Sequential(linear.extract(channels), *_average_scale(linear, channels))
        return MobileNet(nn.Sequential(*features), classifier).eval()

    def example_inputs(self, config: WidthConfig) -> tuple[Tensor, ...]:
        """Returns one black image, `(1, channels, height, width)`."""
        return (zeros(self.io.inputs[0].shape),)

    def has_statistics(self, config: WidthConfig) -> bool:
        """Returns whether the checkpoint holds BatchNorm statistics for `config`, so that it needs no calibration.

        All widths share v2's last BatchNorm, unless it is switchable. Calibrating the mother itself at another width
        would change its published statistics, so calibrate a copy.
        """
        listed = self._resolve(config)[1]
        return listed is not None and all(
            norm.has_listed_statistics(listed)
            for norm in self.modules()
            if isinstance(norm, SlimmableBatchNorm2d | SwitchableBatchNorm2d)
        )

    def _resolve(self, config: WidthConfig | None) -> tuple[tuple[int, ...], int | None]:
        """Returns each elastic layer's channels, and the index of the listed width if `config` is one."""
        config = self.space.largest if config is None else config
        active = self.space.active_channels(config)
        widths = set(config.width_mults) if isinstance(config, LayerWidths) else {config.width_mult}
        width = widths.pop()
        listed = self.listed_widths.index(width) if not widths and width in self.listed_widths else None
        return active, listed


def _average_scale(layer: SlimmableConv2d | SlimmableLinear, active_in: int) -> list[nn.Module]:
    factor = layer.average_factor(active_in)
    return [] if factor == 1.0 else [AverageScale(factor)]


def us_mobilenet_v1(resolution: int = 224, classes: int = 1000) -> UsMobileNet:
    """Builds US-MobileNet v1 as published: widths 0.25 to 1, with statistics at every 0.025."""
    architecture = mobilenet_v1()
    return UsMobileNet(architecture, resolution=resolution, classes=classes, listed_widths=_grid(architecture))


def us_mobilenet_v2(resolution: int = 224, classes: int = 1000) -> UsMobileNet:
    """Builds US-MobileNet v2 as published: widths 0.35 to 1, with statistics at every 0.025."""
    architecture = mobilenet_v2()
    return UsMobileNet(architecture, resolution=resolution, classes=classes, listed_widths=_grid(architecture))


def digits() -> UsMobileNet:
    """Builds a small US-MobileNet v2 for handwritten digits: gray images of 32 × 32 pixels, widths 0.25 to 1."""
    return _digits()


def slimmable_digits() -> UsMobileNet:
    """Builds the same network as `digits`, with a BatchNorm for each of four widths (arXiv 1812.08928)."""
    return _digits((0.25, 0.5, 0.75, 1.0), switchable=True)


def _digits(listed_widths: tuple[float, ...] = (), *, switchable: bool = False) -> UsMobileNet:
    stages = ((1, 16, 1, 1), (4, 32, 2, 2), (4, 64, 2, 2))
    architecture = mobilenet_v2(stem=32, stages=stages, head=128, narrowest=0.25)
    return UsMobileNet(
        architecture,
        resolution=32,
        image_channels=1,
        classes=10,
        labels=tuple("0123456789"),
        mean=(),
        std=(),
        listed_widths=listed_widths,
        switchable=switchable,
    )


def _grid(architecture: Architecture) -> tuple[float, ...]:
    return tuple(config.width_mult for config in architecture.space.all())
