"""Conv ∘ BatchNorm → Conv, Linear ∘ BatchNorm → Linear.

    x' = a·x + c                       BatchNorm in eval mode, a = γ/√(σ²+ε), c = β − a·μ
    y  = W x' + b                      the convolution or linear layer
    W' = W·a (on input channels),  b' = b + W c summed over inputs and taps, so that y = W' x + b'

A convolution that pads with zeros pads x', not x. At the border it reads 0, where W' x + b' reads c. The rule therefore
needs c = 0 or a convolution without zero padding. The BatchNorm may feed several layers, also across operators that it
commutes with: see `commuting.py`. Then it is folded into each, or into none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_export.baking.fold_batchnorm_into_previous import of_batches
from edge_export.baking.moving import into_next, move

if TYPE_CHECKING:
    from edge_export.baking.network import Network
    from edge_export.baking.rule import Outcome

NAME = "fold_batchnorm_into_next"


def apply(network: Network) -> list[Outcome]:
    """Folds every BatchNorm that feeds convolutions and linear layers alone into them."""
    norms, refused = of_batches(network, NAME)
    return [*refused, *move(network, NAME, norms, into_next)]
