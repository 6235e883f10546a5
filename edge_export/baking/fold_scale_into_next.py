"""Conv ∘ (k·x + c) → Conv, Linear ∘ (k·x + c) → Linear, BatchNorm ∘ (k·x + c) → BatchNorm, for constants.

    y  = W (k·x + c) + b               such as the 1/6 behind an activation written by hand
    W' = W·k,  b' = b + W c            summed over inputs and taps

It may stand before operators that it commutes with, such as pooling: see `commuting.py`. What feeds anything else than
layers is no match. A convolution that pads with zeros takes no c. Weights that would leave the range in which float16
keeps its 11 bits, 2⁻¹⁴ to 2¹⁵, stay: the network may be compiled in float16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_export.baking.factor import Factor
from edge_export.baking.fold_scale_into_previous import constant_factors
from edge_export.baking.moving import NoLayer, Step, into_next, move

if TYPE_CHECKING:
    from torch import fx

    from edge_export.baking.network import Network
    from edge_export.baking.rule import Outcome

NAME = "fold_scale_into_next"
_LEAST, _MOST = 2.0**-10, 2.0**10
"""The factors that are folded. Trained weights are some 0.1."""


def apply(network: Network) -> list[Outcome]:
    """Folds every product and sum with constants that feeds convolutions and linear layers alone into them."""
    return move(network, NAME, constant_factors(network), into_layers)


def into_layers(network: Network, node: fx.Node, before: fx.Node, factor: Factor) -> list[Step] | str | None:
    """A plan: into all layers that read the value, if their weights stay in float16's range."""
    steps = into_next(network, node, before, factor)
    if isinstance(steps, NoLayer):
        return None
    scales = factor.scale.abs()
    if not isinstance(steps, str) and not bool(((scales >= _LEAST) & (scales <= _MOST)).all()):
        return "weights that are multiplied by it may leave the range of float16"
    return steps
