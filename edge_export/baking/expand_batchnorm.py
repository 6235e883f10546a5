"""A BatchNorm that no layer takes → one product and one sum.

    y = a·x + c                        BatchNorm in eval mode, a = γ/√(σ²+ε), c = β − a·μ

A product with 1 and a sum with 0 are left out. Converters without a BatchNorm of its own would write it with four
constants, and some leave it to a slow operator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from edge_export.baking.factor import STATISTICS, factor_of
from edge_export.baking.nodes import arguments, dtype, is_call, name_of
from edge_export.baking.rule import Applied, Outcome

if TYPE_CHECKING:
    from torch import Tensor, fx

    from edge_export.baking.network import Network

NAME = "expand_batchnorm"


def apply(network: Network) -> list[Outcome]:
    """Writes every BatchNorm in eval mode as a product and a sum."""
    outcomes: list[Outcome] = []
    for node in list(network.graph.nodes):
        found = factor_of(network, node) if is_call(node, STATISTICS) else None
        if found is None:
            continue
        value, factor = found
        if not bool((factor.scale == 1).all()):
            value = _with(network, node, torch.ops.aten.mul.Tensor, value, "scale", factor.scale)
        if factor.shifts:
            value = _with(network, node, torch.ops.aten.add.Tensor, value, "shift", factor.shift)
        outcomes.append(Applied(NAME, name_of(node)))
        network.replace(node, value)
    return outcomes


def _with(network: Network, node: fx.Node, target: Any, value: fx.Node, name: str, constant: Tensor) -> fx.Node:
    owner = str(arguments(node)["running_mean"].target).rpartition(".")[0] or node.name
    kind = dtype(node)
    assert kind is not None
    given = network.constant(node, network.free_name(f"{owner}.{name}"), constant, kind)
    with network.graph.inserting_before(node):
        call = network.graph.call_function(target, (value, given))
    call.meta = dict(node.meta)
    return call
