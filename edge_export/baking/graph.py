"""Applies all rules on graphs until no rule changes the graph.

The network is exported first: rules see the operators that it runs and every reader of a value, whatever way it was
written. Constants that rules write are computed in float64 and rounded once, however many rules change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from edge_export.baking import (
    expand_batchnorm,
    fold_batchnorm_into_next,
    fold_batchnorm_into_previous,
    fold_scale_into_next,
    fold_scale_into_previous,
    merge_linear,
    recognize_activation,
    remove_identity,
)
from edge_export.baking.network import opened
from edge_export.baking.rule import Applied, Baked, OnRule, Refused, Rule
from edge_export.errors import RequestError

if TYPE_CHECKING:
    from torch import Tensor, nn

# Identities come first, because they separate layers that fold. Activations come before scales, of which they are made.
# "Previous" comes before "next", because it has fewer conditions. Merging comes late, because by then no norm separates
# the layers. The last one is applied when nothing folds any more.
RULES: tuple[tuple[str, Rule], ...] = (
    (remove_identity.NAME, remove_identity.apply),
    (recognize_activation.NAME, recognize_activation.apply),
    (fold_scale_into_previous.NAME, fold_scale_into_previous.apply),
    (fold_batchnorm_into_previous.NAME, fold_batchnorm_into_previous.apply),
    (fold_batchnorm_into_next.NAME, fold_batchnorm_into_next.apply),
    (fold_scale_into_next.NAME, fold_scale_into_next.apply),
    (merge_linear.NAME, merge_linear.apply),
    (expand_batchnorm.NAME, expand_batchnorm.apply),
)


def check(_member: nn.Module, options: Mapping[str, object]) -> None:
    """Raises RequestError for any option, because this baker has none."""
    if options:
        raise RequestError(f"this mother's members have no option {', '.join(options)}: remove it from [member]")


def bake_graph(member: nn.Module, inputs: tuple[Tensor, ...], on_rule: OnRule | None = None) -> Baked:
    """Returns a baked float32 copy of `member` and does not change `member`.

    Args:
        member: A calibrated member in eval mode.
        inputs: Example inputs. The network is baked for their shapes.
        on_rule: Called with the network after each rule that changed it, also in later rounds.

    Raises:
        RequestError: The member cannot be exported.
    """
    network = opened(member, inputs)
    applied: list[Applied] = []

    def apply(rules: tuple[tuple[str, Rule], ...]) -> tuple[bool, list[Refused]]:
        """Applies each rule once. Returns whether any changed the network, and what they refused."""
        before, refused = len(applied), []
        for name, rule in rules:
            outcomes = rule(network)
            done = [outcome for outcome in outcomes if isinstance(outcome, Applied)]
            if on_rule is not None and done:
                on_rule(name, network.module())
            applied.extend(done)
            refused += [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        return len(applied) > before, refused

    changed, refused = True, list[Refused]()
    while changed:
        changed, refused = apply(RULES[:-1])
    changed, _ = apply(RULES[-1:])
    while changed:  # the scale alone may fold
        changed, _ = apply(RULES[:-1])
    return Baked(network.module(), tuple(applied), tuple(refused))
