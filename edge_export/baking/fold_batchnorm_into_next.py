"""Conv ∘ BatchNorm → Conv, Linear ∘ BatchNorm → Linear.

    x' = a·x + c                       BatchNorm in eval mode, a = γ/√(σ²+ε), c = β − a·μ
    y  = W x' + b                      the convolution or linear layer
    W' = W·a (on input channels),  b' = b + W c summed over inputs and taps, so that y = W' x + b'

A convolution that pads with zeros pads x', not x. At the border it reads 0, where W' x + b' reads c. The rule therefore
needs c = 0 or a convolution without zero padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from edge_export.baking.rule import (
    AFFINE,
    Outcome,
    calls,
    describe,
    feature_axis,
    fold_batch_norms,
    layer_at,
    rank,
    scale_and_shift,
)

if TYPE_CHECKING:
    from torch import Tensor, fx

NAME = "fold_batchnorm_into_next"


def apply(graph_module: fx.GraphModule) -> list[Outcome]:
    """Folds every BatchNorm whose only user is a convolution or linear layer into that layer."""
    return fold_batch_norms(graph_module, NAME, _why_not, _fold)


def _fold(graph_module: fx.GraphModule, node: fx.Node, scale: Tensor, shift: Tensor) -> None:
    following = layer_at(graph_module, next(iter(node.users)))
    assert following is not None
    _scale_inputs(following, scale, shift)


def _why_not(graph_module: fx.GraphModule, node: fx.Node, norm: _BatchNorm) -> str | None:
    if norm.running_mean is None:
        return "it normalizes by the statistics of each batch"
    if len(node.users) != 1:
        return f"it feeds {len(node.users)} nodes"
    after = next(iter(node.users))
    following = layer_at(graph_module, after)
    if not isinstance(following, AFFINE):
        return f"it feeds {describe(graph_module, after)}, not a convolution or linear layer"
    if isinstance(following, _ConvTransposeNd):
        return f"{after.target} is transposed: its border sums fewer taps, so the shift is not constant there"
    if (count := calls(graph_module, after)) > 1:
        return f"{after.target} is called {count} times"
    if (count := calls(graph_module, node)) > 1:
        return f"it is called {count} times"
    if feature_axis(following, rank(node)) != 1:
        return f"it normalizes axis 1, but {after.target} reads features on axis {feature_axis(following, rank(node))}"
    if _pads_with_zeros(following) and scale_and_shift(norm)[1].any():
        return f"{after.target} pads with zeros after it, so the shift cannot be folded into the bias"
    return None


def _pads_with_zeros(layer: nn.Module) -> bool:
    if not isinstance(layer, _ConvNd) or layer.padding_mode != "zeros":
        return False
    if isinstance(layer.padding, str):
        return layer.padding == "same" and any(size > 1 for size in layer.kernel_size)
    return any(layer.padding)


def _scale_inputs(layer: nn.Module, scale: Tensor, shift: Tensor) -> None:
    """Changes a convolution or linear layer to read a·x + c in place of x, with a, c of shape `(in features,)`."""
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    groups = layer.groups if isinstance(layer, _ConvNd) else 1
    grouped = weight.data.reshape(groups, -1, *weight.shape[1:])  # (groups, out/groups, in/groups, …)
    per_input = (groups, 1, -1, *(1,) * (weight.dim() - 2))
    shifted = (grouped * shift.reshape(per_input)).flatten(0, 1).flatten(1).sum(1)
    bias = layer.bias.data + shifted if isinstance(layer.bias, torch.Tensor) else shifted
    layer.weight = nn.Parameter((grouped * scale.reshape(per_input)).flatten(0, 1), requires_grad=False)
    layer.bias = nn.Parameter(bias, requires_grad=False)
