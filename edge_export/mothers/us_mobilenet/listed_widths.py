"""The space of a network that runs at listed widths only (arXiv 1812.08928)."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from edge_export.errors import RequestError
from edge_export.mothers.us_mobilenet.width_space import Width, WidthConfig, WidthSpace


@dataclass(frozen=True)
class ListedWidths:
    """One width for all layers, out of a list.

    Attributes:
        widths: The legal widths, narrowest first.
        within: The space that they are from.
    """

    widths: tuple[float, ...]
    within: WidthSpace

    @property
    def smallest(self) -> Width:
        """The configuration of the narrowest network."""
        return Width(self.widths[0])

    @property
    def largest(self) -> Width:
        """The configuration of the widest network."""
        return Width(self.widths[-1])

    def sample(self, rng: random.Random) -> Width:
        """Draws one of the widths."""
        return Width(rng.choice(self.widths))

    def all(self) -> Iterable[Width]:
        """Returns every width, narrowest first."""
        return [Width(width_mult) for width_mult in self.widths]

    def parse(self, text: str) -> WidthConfig:
        """Parses "0.5" or "w0.5". Raises RequestError if it is no number or not listed."""
        config = self.within.parse(text)
        self.active_channels(config)
        return config

    def name(self, config: WidthConfig) -> str:
        """Returns such as "w0.5". `parse` accepts it."""
        return self.within.name(config)

    def active_channels(self, config: WidthConfig) -> tuple[int, ...]:
        """Returns the output channels of each elastic layer at `config`. Raises RequestError if it is not listed."""
        if not isinstance(config, Width) or config.width_mult not in self.widths:
            asked = config.width_mult if isinstance(config, Width) else "for each layer"
            raise RequestError(
                f"width {asked}: this mother has no BatchNorm for it; give one of {', '.join(map(str, self.widths))}"
            )
        return self.within.active_channels(config)
