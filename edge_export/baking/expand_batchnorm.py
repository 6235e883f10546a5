"""A BatchNorm that no layer takes → one product and one sum.

    y = a·x + c                        BatchNorm in eval mode, a = γ/√(σ²+ε), c = β − a·μ
    y = a·(x + c/a)                    where layers take the product behind it, but not the sum: they pad with zeros,
                                       or come after a ReLU

A product with 1 and a sum with 0 are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from edge_export.baking.factor import STATISTICS, Factor, factor_of
from edge_export.baking.fold_scale_into_next import into_layers
from edge_export.baking.nodes import arguments, dtype, is_call, name_of
from edge_export.baking.rule import Applied, Outcome

if TYPE_CHECKING:
    from torch import Tensor, fx

    from edge_export.baking.network import Network

NAME = "expand_batchnorm"
_MOST = 2.0**10
_aten = torch.ops.aten


def apply(network: Network) -> list[Outcome]:
    """Writes every BatchNorm in eval mode as a product and a sum."""
    outcomes: list[Outcome] = []
    for node in list(network.graph.nodes):
        found = factor_of(network, node) if is_call(node, STATISTICS) else None
        if found is None:
            continue
        value, factor = found
        calls = [(_aten.mul.Tensor, "scale", factor.scale), (_aten.add.Tensor, "shift", factor.shift)]
        if _folds_alone(network, node, value, factor.scale, factor.shift):
            calls = [(_aten.add.Tensor, "shift", factor.shift / factor.scale), calls[0]]
        needed = [call for call in calls if not bool((call[2] == (call[1] == "scale")).all())]
        for target, name, constant in needed or calls[:1]:
            value = _with(network, node, target, value, name, constant)
        outcomes.append(Applied(NAME, name_of(node)))
        network.replace(node, value)
    return outcomes


def _folds_alone(network: Network, node: fx.Node, value: fx.Node, scale: Tensor, shift: Tensor) -> bool:
    """Returns whether layers take the scale behind a sum with a constant that float16 can add."""
    plan = into_layers(network, node, value, Factor(scale, torch.zeros_like(shift)))
    return isinstance(plan, list) and bool((shift / scale).abs().max() <= _MOST)


def _with(network: Network, node: fx.Node, target: Any, value: fx.Node, name: str, constant: Tensor) -> fx.Node:
    mean = arguments(node)["running_mean"]
    owner = str(mean.target).rpartition(".")[0] if mean.op == "get_attr" else ""
    kind = dtype(node)
    assert kind is not None
    given = network.constant(
        node, network.free_name(f"{owner}.{name}" if owner else f"{node.name}_{name}"), constant, kind
    )
    with network.graph.inserting_before(node):
        call = network.graph.call_function(target, (value, given))
    call.meta = dict(node.meta)
    return call
