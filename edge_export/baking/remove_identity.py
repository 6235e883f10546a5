"""Dropout → nothing, Identity → nothing: in eval mode both return their input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional
from torch.nn.modules.dropout import _DropoutNd

from edge_export.baking.rule import Applied, Outcome, Refused, bypass, layer_at

if TYPE_CHECKING:
    from torch import fx

NAME = "remove_identity"
DROPOUT_FUNCTIONS = (
    functional.dropout,
    functional.dropout1d,
    functional.dropout2d,
    functional.dropout3d,
    functional.alpha_dropout,
    functional.feature_alpha_dropout,
    torch.dropout,
)


def apply(graph_module: fx.GraphModule) -> list[Outcome]:
    """Removes every dropout and identity. Refuses a dropout function that stays on in eval mode."""
    outcomes: list[Outcome] = []
    for node in list(graph_module.graph.nodes):
        layer = layer_at(graph_module, node)
        if isinstance(layer, _DropoutNd | nn.Identity):
            bypass(graph_module, node)
            outcomes.append(Applied(NAME, str(node.target)))
        elif node.op == "call_function" and node.target in DROPOUT_FUNCTIONS:
            if _is_on(node):
                outcomes.append(Refused(NAME, node.name, "it stays on in eval mode: give it training=self.training"))
            else:
                bypass(graph_module, node)
                outcomes.append(Applied(NAME, node.name))
    return outcomes


def _is_on(node: fx.Node) -> bool:
    """Returns whether a dropout function drops values in eval mode. Its third argument, training, defaults to True."""
    training = node.args[2] if len(node.args) > 2 else node.kwargs.get("training", node.kwargs.get("train", True))
    return training is not False
