"""The type of a baking rule and its outcomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from edge_export.baking.network import Network
    from edge_export.spec.tensors import IOSpec


@dataclass(frozen=True)
class Applied:
    """A rule changed the layer called `layer`."""

    rule: str
    layer: str


@dataclass(frozen=True)
class Refused:
    """A rule matched the layer called `layer` but did not change it; `reason` says why."""

    rule: str
    layer: str
    reason: str


@dataclass(frozen=True)
class Baked:
    """A plain inference network and the outcome of every rule's match.

    Attributes:
        module: The network.
        applied: The changes.
        refused: The matches that were not changed.
        io: The network's inputs and outputs if baking changed them; None: those of the member.
    """

    module: nn.Module
    applied: tuple[Applied, ...]
    refused: tuple[Refused, ...]
    io: IOSpec | None = None


OnRule = Callable[[str, "nn.Module"], None]
"""Called with a rule's name and the network after that rule, for each rule that changed the network, in order.

The network has the member's inputs and outputs and is rounded to float32. It may change after the call.
"""


Outcome = Applied | Refused
Rule = Callable[["Network"], list[Outcome]]
"""Changes the graph of a network in place, and writes constants in float64."""
