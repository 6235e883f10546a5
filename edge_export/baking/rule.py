"""The type of a baking rule, its outcomes, and functions that rules share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

if TYPE_CHECKING:
    from torch import Tensor, fx

    from edge_export.spec.tensors import IOSpec

AFFINE = (_ConvNd, nn.Linear)


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


OnRule = Callable[[str, nn.Module], None]
"""Called with a rule's name and the network after that rule, for each rule that changed the network, in order.

The network has the member's inputs and outputs and is rounded to float32. It may change after the call.
"""


Outcome = Applied | Refused
Rule = Callable[["fx.GraphModule"], list[Outcome]]
"""Changes a float64, eval-mode graph in place. Every node has the shape of its value in `meta["tensor_meta"]`."""


def layer_at(graph_module: fx.GraphModule, node: object) -> nn.Module | None:
    """Returns the layer that `node` calls, or None if it calls no layer."""
    if getattr(node, "op", None) != "call_module":
        return None
    return graph_module.get_submodule(str(node.target))  # type: ignore[attr-defined]


def calls(graph_module: fx.GraphModule, node: fx.Node) -> int:
    """Returns the number of nodes that call the layer of `node`. A fold for one call would also change the others."""
    layer = layer_at(graph_module, node)
    return sum(layer_at(graph_module, other) is layer for other in graph_module.graph.nodes)


def describe(graph_module: fx.GraphModule, node: fx.Node) -> str:
    """Returns a name of `node` for messages: "the input", "a sum", "conv1 (Conv2d)"."""
    if node.op == "placeholder":
        return "the input"
    if layer := layer_at(graph_module, node):
        return f"{node.target} ({type(layer).__name__})"
    return f"a {getattr(node.target, '__name__', node.target)}"


def rank(node: fx.Node) -> int:
    """Returns the number of axes of the node's value."""
    return len(node.meta["tensor_meta"].shape)


def feature_axis(layer: nn.Module, value_rank: int) -> int:
    """Returns the axis on which a convolution or linear layer reads and writes its features."""
    if isinstance(layer, nn.Linear):
        return value_rank - 1
    return 1 if value_rank == len(layer.kernel_size) + 2 else 0  # type: ignore[arg-type]


def scale_and_shift(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """Returns a and c of a BatchNorm in eval mode, both of shape `(features,)`.

    y = a·x + c with a = γ/√(σ²+ε) and c = β − a·μ.
    """
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = torch.rsqrt(variance + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias


def scale_outputs(layer: nn.Module, scale: Tensor, shift: Tensor | None = None) -> None:
    """Changes a convolution or linear layer W, b to compute a·(W x + b) + c; a, c of shape `(out features,)` or ()."""
    weight = layer.weight
    assert isinstance(weight, torch.Tensor)
    scale = scale.expand(_out_features(layer))
    if isinstance(layer, _ConvTransposeNd):
        grouped = weight.data.reshape(layer.groups, -1, *weight.shape[1:])  # (groups, in/groups, out/groups, …)
        per_group = scale.reshape(layer.groups, 1, -1, *(1,) * (weight.dim() - 2))
        layer.weight = nn.Parameter((grouped * per_group).flatten(0, 1), requires_grad=False)
    else:
        layer.weight = nn.Parameter(weight.data * scale.reshape(-1, *(1,) * (weight.dim() - 1)), requires_grad=False)
    bias = layer.bias.data * scale if isinstance(layer.bias, torch.Tensor) else None
    if shift is not None:
        bias = shift if bias is None else bias + shift
    layer.bias = None if bias is None else nn.Parameter(bias.clone(), requires_grad=False)  # type: ignore[assignment]


def fold_batch_norms(
    graph_module: fx.GraphModule,
    rule: str,
    why_not: Callable[[fx.GraphModule, fx.Node, _BatchNorm], str | None],
    fold: Callable[[fx.GraphModule, fx.Node, Tensor, Tensor], None],
) -> list[Outcome]:
    """Calls `fold` with the scale and shift of each BatchNorm, unless `why_not` returns a reason against it.

    `fold` moves the scale and shift into another layer; the BatchNorm is then removed.
    """
    outcomes: list[Outcome] = []
    for node in list(graph_module.graph.nodes):
        norm = layer_at(graph_module, node)
        if not isinstance(norm, _BatchNorm):
            continue
        if reason := why_not(graph_module, node, norm):
            outcomes.append(Refused(rule, str(node.target), reason))
            continue
        fold(graph_module, node, *scale_and_shift(norm))
        bypass(graph_module, node)
        outcomes.append(Applied(rule, str(node.target)))
    return outcomes


def bypass(graph_module: fx.GraphModule, node: fx.Node) -> None:
    """Removes `node` from the graph. Its users read its first input instead."""
    before = node.args[0]
    node.replace_all_uses_with(before)  # type: ignore[arg-type]
    graph_module.graph.erase_node(node)
    graph_module.delete_all_unused_submodules()
    graph_module.recompile()


def _out_features(layer: nn.Module) -> int:
    return int(layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)  # type: ignore[arg-type]
