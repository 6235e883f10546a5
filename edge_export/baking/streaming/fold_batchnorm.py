"""BatchNorm ∘ (LSTM input projection or linear layers) → the projection alone.

    x' = a·x + c                       BatchNorm in eval mode, a = γ/√(σ²+ε), c = β − a·μ
    y  = W x' + b                      each matrix that reads x'
    W' = W·a (on columns),  b' = b + W c

The same a and c are folded into every matrix that follows the norm. Only these matrices read x', also in the recurrence
over time, which reads x' inside each step. There is no padding between norm and matrix.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from edge_export.baking.factor import scale_and_shift

NAME = "fold_batchnorm"


class Affine(NamedTuple):
    """y = W x + b with W `(out, in)` and b `(out,)`, float64."""

    weight: Tensor
    bias: Tensor


def fold(norm: nn.BatchNorm1d, affine: Affine, first: int = 0) -> Affine:
    """Folds `norm` into `affine`, which reads the norm's features from index `first` on."""
    scale, shift = (t[first : first + affine.weight.shape[1]].double() for t in scale_and_shift(norm))
    return Affine(affine.weight * scale, affine.bias + affine.weight @ shift)


def affine(layer: nn.Linear) -> Affine:
    """Returns a linear layer's weight and bias in float64."""
    return Affine(layer.weight.detach().double(), layer.bias.detach().double())
