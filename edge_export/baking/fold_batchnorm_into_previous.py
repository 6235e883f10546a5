"""BatchNorm ∘ Conv → Conv, BatchNorm ∘ Linear → Linear.

    y  = W x + b                       the convolution or linear layer
    z  = a·y + c                       BatchNorm in eval mode, a = γ/√(σ²+ε), c = β − a·μ
    W' = a·W,  b' = a·b + c            so that z = W' x + b'

This holds for grouped, dilated, strided, padded and transposed convolutions: a and c act on output channels only. The
BatchNorm may follow across operators that it commutes with, such as a concatenation or a sum of layers: see
`commuting.py`. Then it is folded into each of them, or into none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_export.baking.factor import STATISTICS, norm_of
from edge_export.baking.moving import into_previous, move
from edge_export.baking.nodes import is_call, name_of
from edge_export.baking.rule import Outcome, Refused

if TYPE_CHECKING:
    from torch import fx

    from edge_export.baking.network import Network

NAME = "fold_batchnorm_into_previous"


def apply(network: Network) -> list[Outcome]:
    """Folds every BatchNorm of the outputs of convolutions and linear layers into them."""
    norms, refused = of_batches(network, NAME)
    return [*refused, *move(network, NAME, norms, into_previous)]


def of_batches(network: Network, rule: str) -> tuple[list[fx.Node], list[Refused]]:
    """Returns every BatchNorm, and the outcomes of those that have no constants to fold."""
    norms = [node for node in network.graph.nodes if is_call(node, STATISTICS)]
    reason = "it normalizes by the statistics of each batch"
    return norms, [Refused(rule, name_of(node), reason) for node in norms if norm_of(network, node) is None]
