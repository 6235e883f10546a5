"""BatchNorm ∘ Conv → Conv, BatchNorm ∘ Linear → Linear.

    y  = W x + b                       the convolution or linear layer
    z  = a·y + c                       BatchNorm in eval mode, a = γ/√(σ²+ε), c = β − a·μ
    W' = a·W,  b' = a·b + c            so that z = W' x + b'

This holds for grouped, dilated, strided, padded and transposed convolutions: a and c act on output channels only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.modules.batchnorm import _BatchNorm

from edge_export.baking.rule import (
    AFFINE,
    Outcome,
    calls,
    describe,
    feature_axis,
    fold_batch_norms,
    layer_at,
    rank,
    scale_outputs,
)

if TYPE_CHECKING:
    from torch import Tensor, fx

NAME = "fold_batchnorm_into_previous"


def apply(graph_module: fx.GraphModule) -> list[Outcome]:
    """Folds every BatchNorm that directly follows a convolution or linear layer into that layer."""
    return fold_batch_norms(graph_module, NAME, _why_not, _fold)


def _fold(graph_module: fx.GraphModule, node: fx.Node, scale: Tensor, shift: Tensor) -> None:
    previous = layer_at(graph_module, node.args[0])
    assert previous is not None
    scale_outputs(previous, scale, shift)


def _why_not(graph_module: fx.GraphModule, node: fx.Node, norm: _BatchNorm) -> str | None:
    before = node.all_input_nodes[0]
    previous = layer_at(graph_module, before)
    if norm.running_mean is None:
        return "it normalizes by the statistics of each batch"
    if not isinstance(previous, AFFINE):
        return f"it follows {describe(graph_module, before)}, not a convolution or linear layer"
    if len(before.users) > 1:
        return f"{before.target} feeds {len(before.users)} nodes"
    if (count := calls(graph_module, before)) > 1:
        return f"{before.target} is called {count} times"
    if (count := calls(graph_module, node)) > 1:
        return f"it is called {count} times"
    if feature_axis(previous, rank(before)) != 1:
        return (
            f"it normalizes axis 1, but {before.target} writes features on axis {feature_axis(previous, rank(before))}"
        )
    return None
