"""(k · Conv) → Conv, (k · Linear) → Linear, for a constant number k, such as the averaging factor of a slimmable layer.

y  = W x + b
z  = k·y                           or y / k'
W' = k·W,  b' = k·b
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import torch

from edge_export.baking.rule import AFFINE, Applied, Outcome, Refused, bypass, calls, describe, layer_at, scale_outputs

if TYPE_CHECKING:
    from torch import fx

NAME = "fold_scale_into_previous"
PRODUCTS = (operator.mul, torch.mul, "mul")
QUOTIENTS = (operator.truediv, torch.div, torch.true_divide, "div")


def apply(graph_module: fx.GraphModule) -> list[Outcome]:
    """Folds every product with a constant number that directly follows a convolution or linear layer into it."""
    outcomes: list[Outcome] = []
    for node in list(graph_module.graph.nodes):
        factor = _constant_factor(node)
        if factor is None:
            continue
        if reason := _why_not(graph_module, node):
            outcomes.append(Refused(NAME, node.name, reason))
            continue
        before = node.all_input_nodes[0]
        previous = layer_at(graph_module, before)
        assert previous is not None
        scale_outputs(previous, torch.tensor(factor, dtype=torch.float64))
        node.args = (before,)
        bypass(graph_module, node)
        outcomes.append(Applied(NAME, node.name))
    return outcomes


def _constant_factor(node: fx.Node) -> float | None:
    """Returns the number by which `node` multiplies its only tensor, or None."""
    if node.op not in ("call_function", "call_method") or len(node.args) != 2 or len(node.all_input_nodes) != 1:
        return None
    numbers = [float(a) for a in node.args if isinstance(a, int | float)]
    if node.target in PRODUCTS and numbers and not node.kwargs:
        return numbers[0]
    if node.target in QUOTIENTS and isinstance(node.args[1], int | float) and node.args[1] != 0 and not node.kwargs:
        return 1.0 / numbers[0]
    return None


def _why_not(graph_module: fx.GraphModule, node: fx.Node) -> str | None:
    before = node.all_input_nodes[0]
    if not isinstance(layer_at(graph_module, before), AFFINE):
        return f"it scales {describe(graph_module, before)}, not a convolution or linear layer"
    if len(before.users) > 1:
        return f"{before.target} feeds {len(before.users)} nodes"
    if (count := calls(graph_module, before)) > 1:
        return f"{before.target} is called {count} times"
    return None
