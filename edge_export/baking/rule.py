"""What a baking rule is, and the few questions that every rule asks of a traced member."""

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
    """A rule matched the layer called `layer` and left it, because of `reason`."""

    rule: str
    layer: str
    reason: str


@dataclass(frozen=True)
class Baked:
    """A plain inference network and what became of every rule's match.

    Attributes:
        io: Its inputs and outputs where baking made others out of the member's; None where they are the member's.
    """

    module: nn.Module
    applied: tuple[Applied, ...]
    refused: tuple[Refused, ...]
    io: IOSpec | None = None


OnRule = Callable[[str, nn.Module], None]
"""Told a rule's name and the network after it, each time a rule has changed something, in the order of the rules.

The network takes and gives what the member does and is rounded to float32; it may change after the call.
"""


Outcome = Applied | Refused
Rule = Callable[["fx.GraphModule"], list[Outcome]]
"""Changes a float64, eval-mode graph in place. Every node has the shape of its value in `meta["tensor_meta"]`."""


def layer_at(graph_module: fx.GraphModule, node: object) -> nn.Module | None:
    """The layer that `node` calls, or None when it calls something else."""
    if getattr(node, "op", None) != "call_module":
        return None
    return graph_module.get_submodule(str(node.target))  # type: ignore[attr-defined]


def calls(graph_module: fx.GraphModule, node: fx.Node) -> int:
    """How many nodes call the layer of `node`: a layer that is called twice can't be folded into for one of them."""
    layer = layer_at(graph_module, node)
    return sum(layer_at(graph_module, other) is layer for other in graph_module.graph.nodes)


def describe(graph_module: fx.GraphModule, node: fx.Node) -> str:
    """How a person would call what `node` does: "the input", "a sum", "conv1 (Conv2d)"."""
    if node.op == "placeholder":
        return "the input"
    if layer := layer_at(graph_module, node):
        return f"{node.target} ({type(layer).__name__})"
    return f"a {getattr(node.target, '__name__', node.target)}"


def rank(node: fx.Node) -> int:
    """The number of axes of the node's value."""
    return len(node.meta["tensor_meta"].shape)


def feature_axis(layer: nn.Module, value_rank: int) -> int:
    """The axis that a convolution or linear layer writes and reads its features on."""
    if isinstance(layer, nn.Linear):
        return value_rank - 1
    return 1 if value_rank == len(layer.kernel_size) + 2 else 0  # type: ignore[arg-type]


def scale_and_shift(norm: _BatchNorm) -> tuple[Tensor, Tensor]:
    """BatchNorm in eval mode is y = a·x + c with a = γ/√(σ²+ε) and c = β − a·μ; both of shape `(features,)`."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = torch.rsqrt(variance + norm.eps)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -mean * scale
    return scale, shift if norm.bias is None else shift + norm.bias


def scale_outputs(layer: nn.Module, scale: Tensor, shift: Tensor | None = None) -> None:
    """Make a convolution or linear layer W, b compute a·(W x + b) + c, with a, c of shape `(out features,)` or ()."""
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
    """Have `fold` move the scale and shift of each BatchNorm into another layer, unless `why_not` gives a reason."""
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
    """Take `node` out of the graph: whoever read it reads its first input instead."""
    before = node.args[0]
    node.replace_all_uses_with(before)  # type: ignore[arg-type]
    graph_module.graph.erase_node(node)
    graph_module.delete_all_unused_submodules()
    graph_module.recompile()


def _out_features(layer: nn.Module) -> int:
    return int(layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels)  # type: ignore[arg-type]
