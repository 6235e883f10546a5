"""BatchNorm ∘ (LSTM input projection or linear layers) → the projection alone.

    x' = a·x + c                       BatchNorm in eval mode, a = γ/√(σ²+ε), c = β − a·μ
    y  = W x' + b                      each matrix that reads x'
    W' = W·a (on columns),  b' = b + W c

Every matrix behind the norm is folded with the same a and c. Recurrence over time reads the norm inside each step, so
that nothing else sees x'; nothing is padded between norm and matrix.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from edge_export.baking.rule import scale_and_shift

NAME = "fold_batchnorm"


class Affine(NamedTuple):
    """y = W x + b with W `(out, in)` and b `(out,)`, float64."""

    weight: Tensor
    bias: Tensor


def fold(norm: nn.BatchNorm1d, affine: Affine, first: int = 0) -> Affine:
    """`affine` behind `norm`, of whose features it reads those from `first` on."""
    scale, shift = (t[first : first + affine.weight.shape[1]].double() for t in scale_and_shift(norm))
    return Affine(affine.weight * scale, affine.bias + affine.weight @ shift)


def affine(layer: nn.Linear) -> Affine:
    """A linear layer's weights in float64."""
    return Affine(layer.weight.detach().double(), layer.bias.detach().double())
