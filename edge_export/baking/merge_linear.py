"""Linear ∘ Linear → Linear, 1 × 1 Conv ∘ 1 × 1 Conv → Conv, if one layer needs no more products than the two.

y  = W₂ (W₁ x + b₁) + b₂
W' = W₂ W₁,  b' = W₂ b₁ + b₂

A bottleneck without an activation is such a pair, as between two inverted residuals. Two layers are cheaper while the
bottleneck is narrower than its inputs and outputs. In the narrowest members of a slimmable network it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_export.baking.layers import Layer, layer_of, write
from edge_export.baking.nodes import name_of, set_argument
from edge_export.baking.rule import Applied, Outcome, Refused

if TYPE_CHECKING:
    from torch import fx

    from edge_export.baking.network import Network

NAME = "merge_linear"


def apply(network: Network) -> list[Outcome]:
    """Merges every such layer into its only reader."""
    outcomes: list[Outcome] = []
    for node in list(network.graph.nodes):
        first = _matrix(network, node) if node.users else None
        second = None if first is None else _next_matrix(network, first)
        if first is None or second is None:
            continue
        if reason := _why_not(network, first, second):
            outcomes.append(Refused(NAME, name_of(node), reason))
            continue
        outcomes.append(Applied(NAME, name_of(node)))
        _merge(network, first, second)
    return outcomes


def _matrix(network: Network, node: fx.Node) -> Layer | None:
    """Returns the layer at `node` if it multiplies the features at each position by the same matrix."""
    layer = layer_of(network, node)
    if layer is None or layer.is_linear:
        return layer
    is_plain = set(layer.kernel_size) == {1} and layer.groups == 1 and not layer.is_transposed
    padding = layer.given["padding"]
    pads = padding if isinstance(padding, int) else any(padding) and not isinstance(padding, str)
    return layer if is_plain and not pads else None


def _next_matrix(network: Network, first: Layer) -> Layer | None:
    """Returns the first reader of a matrix that is a matrix of the same kind; None: there is none."""
    readers = (_matrix(network, reader) for reader in first.node.users)
    alike = (each for each in readers if each is not None and each.node.target == first.node.target)
    return next((each for each in alike if each.given["input"] is first.node), None)


def _why_not(network: Network, first: Layer, second: Layer) -> str | None:
    if len(first.node.users) > 1:
        return f"it feeds {len(first.node.users)} nodes"
    if first.node in network.changed or first.given["input"] in network.changed:
        return "what it reads or writes is changed in place"
    if first.stride > 1:
        return f"it has stride {first.stride}, and only the second of two layers may skip positions"
    (middle, inputs), outputs = first.weight.shape[:2], len(second.weight)
    one, two = inputs * outputs, middle * (inputs + outputs)
    if one > two:
        name = name_of(second.node)
        return f"it and {name} as one layer would need {one} products at each position, not {two}"
    return None


def _merge(network: Network, first: Layer, second: Layer) -> None:
    """Changes `second` to compute `second` ∘ `first`."""
    inner, outer = first.weight.flatten(1), second.weight.flatten(1)
    bias = second.bias
    if first.bias is not None:
        shift = outer @ first.bias
        bias = shift if bias is None else bias + shift
    write(network, second, (outer @ inner).reshape(len(outer), -1, *second.kernel_size), bias)
    set_argument(second.node, "input", first.given["input"])
    network.drop(first.node)
