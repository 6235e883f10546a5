"""Dropout → nothing: in eval mode it returns its input. 1·x → nothing, x + 0 → nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_export.baking.factor import factor_of
from edge_export.baking.nodes import arguments, is_call, name_of
from edge_export.baking.rule import Applied, Outcome, Refused

if TYPE_CHECKING:
    from torch import fx

    from edge_export.baking.network import Network

NAME = "remove_identity"
_DROPOUTS = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")


def apply(network: Network) -> list[Outcome]:
    """Removes every dropout and identity. Refuses a dropout that stays on in eval mode."""
    outcomes: list[Outcome] = []
    for node in list(network.graph.nodes):
        source = node.args[0] if is_call(node, *_DROPOUTS) else _scaled_by_one(network, node)
        if source is None:
            continue
        if arguments(node).get("train"):
            reason = "it stays on in eval mode: give it training=self.training"
            outcomes.append(Refused(NAME, name_of(node), reason))
            continue
        outcomes.append(Applied(NAME, name_of(node)))
        network.replace(node, source)
    return outcomes


def _scaled_by_one(network: Network, node: fx.Node) -> fx.Node | None:
    found = factor_of(network, node) if node.users else None
    if found is None or node in network.changed or found[0] in network.changed:
        return None
    source, factor = found
    return source if not factor.shifts and bool((factor.scale == 1).all()) else None
