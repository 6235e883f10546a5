"""(k · Conv + c) → Conv, (k · Linear + c) → Linear, for constants, such as the averaging factor of a slimmable layer.

    y  = W x + b
    z  = k·y + c                       a product, quotient, sum or difference with a number or one for each feature
    W' = k·W,  b' = k·b + c

It may follow across operators that it commutes with: see `commuting.py`. A sum that follows no layer is no match.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_export.baking.factor import OPERATORS, STATISTICS, Factor
from edge_export.baking.moving import NoLayer, Step, into_previous, move
from edge_export.baking.nodes import is_call

if TYPE_CHECKING:
    from torch import fx

    from edge_export.baking.network import Network
    from edge_export.baking.rule import Outcome

NAME = "fold_scale_into_previous"


def apply(network: Network) -> list[Outcome]:
    """Folds every product and sum with constants that follows convolutions or linear layers into them."""
    return move(network, NAME, constant_factors(network), _into_previous)


def _into_previous(network: Network, node: fx.Node, before: fx.Node, factor: Factor) -> list[Step] | str | None:
    steps = into_previous(network, node, before, factor)
    is_sum = bool((factor.scale == 1).all())
    return None if is_sum and isinstance(steps, NoLayer) else steps


def constant_factors(network: Network) -> list[fx.Node]:
    """Returns every node that may be a product or a sum with constants, and is no BatchNorm."""
    return [node for node in network.graph.nodes if is_call(node, *OPERATORS - {STATISTICS})]
