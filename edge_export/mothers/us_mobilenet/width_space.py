"""The space of a network that runs at any width: one width for all layers, or one width for each layer."""

from __future__ import annotations

import hashlib
import itertools
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass

from edge_export.errors import RequestError, one_line
from edge_export.mothers.us_mobilenet.slimmable import make_divisible

MAX_NAME = 100
_RUN = re.compile(r"(?P<width>[0-9]+\.?[0-9]*|\.[0-9]+)(x(?P<count>[1-9][0-9]{0,2}))?")


@dataclass(frozen=True)
class Width:
    """One width multiplier for every layer."""

    width_mult: float


@dataclass(frozen=True)
class LayerWidths:
    """A width multiplier for each elastic layer, in the order of `WidthSpace.layers`."""

    width_mults: tuple[float, ...]


WidthConfig = Width | LayerWidths


@dataclass(frozen=True)
class ElasticLayer:
    """A layer whose number of output channels follows the width.

    Attributes:
        name: The layer's name in the state dict.
        channels: The output channels at width 1.
        expansion: The expansion ratio t. The channels are a multiple of t: make_divisible(channels·width/t)·t.
    """

    name: str
    channels: int
    expansion: int = 1

    def active(self, width_mult: float, divisor: int) -> int:
        """Returns the output channels at `width_mult`."""
        return make_divisible(self.channels * width_mult / self.expansion, divisor) * self.expansion


@dataclass(frozen=True)
class WidthSpace:
    """The space of widths between two bounds, for all layers together or for each layer.

    Attributes:
        layers: The elastic layers, first to last.
        residuals: Pairs of indices into `layers`. Their outputs are added, so they need equal channels.
        narrowest: The lower bound of the width.
        widest: The upper bound of the width.
        step: The step of the grid that `all()` returns.
        divisor: Channels are rounded to multiples of this number.
    """

    layers: tuple[ElasticLayer, ...]
    residuals: tuple[tuple[int, int], ...] = ()
    narrowest: float = 0.25
    widest: float = 1.0
    step: float = 0.025
    divisor: int = 8

    @property
    def smallest(self) -> Width:
        """The configuration of the narrowest network."""
        return Width(self.narrowest)

    @property
    def largest(self) -> Width:
        """The configuration of the widest network."""
        return Width(self.widest)

    def sample(self, rng: random.Random) -> Width:
        """Draws one width, uniform between the bounds. Three decimals keep its name short."""
        width_mult = round(rng.uniform(self.narrowest, self.widest), 3)
        return Width(min(max(width_mult, self.narrowest), self.widest))

    def all(self) -> Iterable[Width]:
        """Returns the grid of single widths, narrowest first."""
        count = round((self.widest - self.narrowest) / self.step)
        return [Width(round(self.narrowest + i * self.step, 6)) for i in range(count + 1)]

    def parse(self, text: str) -> WidthConfig:
        """Parses one width, "0.5" or "w0.5", or one width for each layer, "0.25:0.5:0.5" or "w0.25-0.5x2".

        Raises:
            RequestError: The text has another form, or the configuration is illegal (see `active_channels`).
        """
        runs = [_RUN.fullmatch(part) for part in re.split("[:-]", text.strip().removeprefix("w"))]
        if not all(runs):
            raise RequestError(
                f"width {one_line(text, 80)!r}: not a number; "
                f"give one from {self.narrowest} to {self.widest}, or {len(self.layers)} of them joined by ':'"
            )
        widths = tuple(float(run["width"]) for run in runs if run for _ in range(int(run["count"] or 1)))
        config: WidthConfig = Width(widths[0]) if len(widths) == 1 else LayerWidths(widths)
        self.active_channels(config)
        return config

    def name(self, config: WidthConfig) -> str:
        """Returns "w0.5", or for one width per layer the runs of equal widths, "w0.25-0.5x2". `parse` accepts both.

        A name that is too long for a file holds the narrowest, the widest and a digest: "w0.25to1.0-1a2b3c4d". `parse`
        does not accept that form.
        """
        if isinstance(config, Width):
            return f"w{float(config.width_mult)}"
        widths = [float(width_mult) for width_mult in config.width_mults]
        runs = [(width, len(list(equal))) for width, equal in itertools.groupby(widths)]
        name = "w" + "-".join(f"{width}x{count}" if count > 1 else f"{width}" for width, count in runs)
        if len(name) <= MAX_NAME:
            return name
        return f"w{min(widths)}to{max(widths)}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"

    def active_channels(self, config: WidthConfig) -> tuple[int, ...]:
        """Returns the output channels of each elastic layer at `config`.

        Raises:
            RequestError: A width is out of bounds, the number of widths is wrong, or layers of a residual sum have
                different channels. The message names all such layers.
        """
        if isinstance(config, Width):
            widths: tuple[float, ...] = (config.width_mult,) * len(self.layers)
        elif isinstance(config, LayerWidths):
            widths = config.width_mults
        else:
            raise RequestError(f"{one_line(config, 80)!r} is not a width: give Width(…) or LayerWidths((…))")
        if len(widths) != len(self.layers):
            raise RequestError(
                f"{len(widths)} widths for {len(self.layers)} layers: give one for each of "
                + one_line(", ".join(layer.name for layer in self.layers), 1000)
            )
        for layer, width_mult in zip(self.layers, widths, strict=True):
            # This form of the comparison also rejects not-a-number.
            if not self.narrowest <= width_mult <= self.widest:
                where = "" if isinstance(config, Width) else f" of {layer.name}"
                raise RequestError(
                    f"width {width_mult}{where} is out of range: give one from {self.narrowest} to {self.widest}"
                )
        active = tuple(layer.active(w, self.divisor) for layer, w in zip(self.layers, widths, strict=True))
        disagreeing = [
            f"{self.layers[a].name} ({active[a]} channels) and {self.layers[b].name} ({active[b]})"
            for a, b in self.residuals
            if active[a] != active[b]
        ]
        if disagreeing:
            raise RequestError(f"a residual sum needs equal widths in {'; '.join(disagreeing)}")
        return active
