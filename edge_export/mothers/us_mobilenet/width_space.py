"""The space of a network that runs at any width: one width for all layers, or one width for each layer."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_export.errors import RequestError, one_line
from edge_export.mothers.us_mobilenet.slimmable import make_divisible

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
STEPS = 10
"""`parts` divides the widths between the bounds into so many steps."""
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

    def group(self, divisor: int) -> int:
        """Returns the channels of one group: all numbers of active channels are multiples of it."""
        return divisor * self.expansion


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

    def parts(self) -> dict[str, int]:
        """Returns how many numbers of channels each layer has, smallest first, on a grid of `STEPS` steps of width.

        Layers whose outputs are added are one part, named after the first of them.
        """
        return {self.layers[tied[0]].name: len(widths) for tied, widths in self._choices()}

    def assemble(self, choices: Sequence[int]) -> WidthConfig:
        """Returns the configuration with the number of channels that `choices` says for each of `parts`."""
        widths = [self.widest] * len(self.layers)
        for choice, (tied, of_part) in zip(choices, self._choices(), strict=True):
            for layer in tied:
                widths[layer] = of_part[choice]
        config = LayerWidths(tuple(widths))
        active = self.active_channels(config)
        return next((end for end in (self.smallest, self.largest) if self.active_channels(end) == active), config)

    def parse(self, text: str) -> WidthConfig:
        """Parses one width, or one for each layer.

        One width is "0.5" or "w0.5". One for each layer is "0.25:0.5:0.5", "w0.25-0.5x2", or "c244": the groups of
        channels of each layer, see `name`.

        Raises:
            RequestError: The text has another form, or the configuration is illegal (see `active_channels`).
        """
        stripped = text.strip()
        if stripped.startswith("c"):
            config: WidthConfig = self._of_groups(stripped.removeprefix("c"))
        else:
            runs = [_RUN.fullmatch(part) for part in re.split("[:-]", stripped.removeprefix("w"))]
            if not all(runs):
                raise RequestError(
                    f"width {one_line(text, 80)!r}: not a number; "
                    f"give one from {self.narrowest} to {self.widest}, or {len(self.layers)} of them joined by ':'"
                )
            widths = tuple(float(run["width"]) for run in runs if run for _ in range(int(run["count"] or 1)))
            config = Width(widths[0]) if len(widths) == 1 else LayerWidths(widths)
        self.active_channels(config)
        return config

    def name(self, config: WidthConfig) -> str:
        """Returns "w0.5" for one width, and such as "c244" for one for each layer. `parse` accepts both.

        After the "c" stands for each layer the number of its groups of channels, in base 36. A group is `divisor`
        channels, times the layer's expansion. A layer with 36 groups or more at full width has two digits, any other
        one. Configurations of the same channels are the same network, and have the same name.
        """
        if isinstance(config, Width):
            return f"w{float(config.width_mult)}"
        return "c" + "".join(
            f"{DIGITS[groups // 36]}{DIGITS[groups % 36]}" if self._digits(layer) == 2 else DIGITS[groups]
            for layer, groups in zip(self.layers, self._groups(config), strict=True)
        )

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

    def _choices(self) -> list[tuple[list[int], list[float]]]:
        """Returns for each part the indices of its layers, and its widths: one for each number of channels."""
        grid = [round(self.narrowest + (self.widest - self.narrowest) * i / STEPS, 3) for i in range(1, STEPS)]
        widths = [self.narrowest, *grid, self.widest]
        return [(tied, list(self._by_channels(tied, widths).values())) for tied in self._tied()]

    def _by_channels(self, tied: list[int], widths: list[float]) -> dict[tuple[int, ...], float]:
        """Returns the narrowest width for each number of channels of the layers, smallest first."""
        found: dict[tuple[int, ...], float] = {}
        for width_mult in widths:
            channels = tuple(self.layers[layer].active(width_mult, self.divisor) for layer in tied)
            found.setdefault(channels, width_mult)
        return found

    def _tied(self) -> list[list[int]]:
        """Returns the layers as lists of those that need equal channels."""
        part = list(range(len(self.layers)))
        for a, b in self.residuals:
            first, second = sorted((part[a], part[b]))
            part = [first if each == second else each for each in part]
        return [[layer for layer, each in enumerate(part) if each == name] for name in dict.fromkeys(part)]

    def _groups(self, config: WidthConfig) -> list[int]:
        active = zip(self.layers, self.active_channels(config), strict=True)
        return [channels // layer.group(self.divisor) for layer, channels in active]

    def _digits(self, layer: ElasticLayer) -> int:
        return 1 if layer.active(self.widest, self.divisor) // layer.group(self.divisor) < 36 else 2

    def _of_groups(self, digits: str) -> LayerWidths:
        """Returns the configuration with these groups of channels. Raises RequestError if there is none."""
        places = [self._digits(layer) for layer in self.layers]
        if len(digits) != sum(places) or not set(digits) <= set(DIGITS):
            raise RequestError(
                f"channels {one_line(digits, 80)!r}: give the groups of channels of all {len(self.layers)} layers, "
                f"{sum(places)} digits of base 36"
            )
        ends = list(itertools.accumulate(places))
        groups = [int(digits[end - count : end], 36) for count, end in zip(places, ends, strict=True)]
        widths = []
        for layer, count in zip(self.layers, groups, strict=True):
            channels = count * layer.group(self.divisor)
            width_mult = min(max(channels / layer.channels, self.narrowest), self.widest)
            if (nearest := layer.active(width_mult, self.divisor)) != channels:
                raise RequestError(
                    f"channels {digits!r}: {layer.name} can't have {channels}; the nearest number is {nearest}"
                )
            widths.append(width_mult)
        return LayerWidths(tuple(widths))
