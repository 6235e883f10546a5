"""Linear ∘ Linear → Linear, 1 × 1 Conv ∘ 1 × 1 Conv → Conv, if one layer needs no more products than the two.

y  = W₂ (W₁ x + b₁) + b₂
W' = W₂ W₁,  b' = W₂ b₁ + b₂

A bottleneck without an activation is such a pair, as between two inverted residuals. Two layers are cheaper while the
bottleneck is narrower than its inputs and outputs. In the narrowest members of a slimmable network it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from edge_export.baking.rule import Applied, Outcome, Refused, bypass, calls, layer_at

if TYPE_CHECKING:
    from torch import fx

NAME = "merge_linear"
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def apply(graph_module: fx.GraphModule) -> list[Outcome]:
    """Merges every such layer into its only user."""
    outcomes: list[Outcome] = []
    for node in list(graph_module.graph.nodes):
        after = _next_matrix(graph_module, node)
        if after is None:
            continue
        if reason := _why_not(graph_module, node, after):
            outcomes.append(Refused(NAME, str(node.target), reason))
            continue
        _merge(layer_at(graph_module, node), layer_at(graph_module, after))
        bypass(graph_module, node)
        outcomes.append(Applied(NAME, str(node.target)))
    return outcomes


def _next_matrix(graph_module: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """Returns the first user of the matrix at `node` that is a matrix of the same kind; None: there is none."""
    first = layer_at(graph_module, node)
    if not _is_matrix(first):
        return None
    followers = ((user, layer_at(graph_module, user)) for user in node.users)
    return next((user for user, layer in followers if type(layer) is type(first) and _is_matrix(layer)), None)


def _why_not(graph_module: fx.GraphModule, node: fx.Node, after: fx.Node) -> str | None:
    first: Any = layer_at(graph_module, node)
    second: Any = layer_at(graph_module, after)
    if len(node.users) > 1:
        return f"it feeds {len(node.users)} nodes"
    if (count := calls(graph_module, node)) > 1:
        return f"it is called {count} times"
    if (count := calls(graph_module, after)) > 1:
        return f"{after.target} is called {count} times"
    if _stride(first) > 1:
        return f"it has stride {_stride(first)}, and only the second of two layers may skip positions"
    (middle, inputs), outputs = first.weight.shape[:2], len(second.weight)
    one, two = inputs * outputs, middle * (inputs + outputs)
    if one > two:
        return f"it and {after.target} as one layer would need {one} products at each position, not {two}"
    return None


def _is_matrix(layer: Any) -> bool:
    """Returns whether `layer` multiplies the features at each position by the same matrix."""
    if not isinstance(layer, _CONVOLUTIONS):
        return isinstance(layer, nn.Linear)
    return set(layer.kernel_size) == {1} and layer.groups == 1 and (layer.padding == "valid" or not any(layer.padding))


def _stride(layer: Any) -> int:
    return 1 if isinstance(layer, nn.Linear) else max(layer.stride)


def _merge(first: Any, second: Any) -> None:
    """Changes `second` to compute `second` ∘ `first`."""
    inner, outer = first.weight.flatten(1), second.weight.flatten(1)
    ones = second.weight.shape[2:]
    bias = second.bias
    if first.bias is not None:
        shift = outer @ first.bias
        bias = shift if bias is None else bias + shift
    second.weight = nn.Parameter((outer @ inner).reshape(len(outer), -1, *ones).detach(), requires_grad=False)
    second.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
    if isinstance(second, nn.Linear):
        second.in_features = inner.shape[1]
    else:
        second.in_channels = inner.shape[1]
