"""Applies all rules on graphs until no rule changes the graph.

The whole member is converted to float64 first and to float32 last. Each weight is thus rounded once, however many rules
change it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edge_export.baking import (
    fold_batchnorm_into_next,
    fold_batchnorm_into_previous,
    fold_scale_into_previous,
    merge_linear,
    remove_identity,
)
from edge_export.baking.rule import Applied, Baked, OnRule, Outcome, Refused, Rule
from edge_export.baking.trace import compute_weights, narrow, trace
from edge_export.errors import RequestError, one_line

if TYPE_CHECKING:
    from torch import Tensor, nn

# Identities come first, because they separate layers that fold. "Previous" comes before "next", because it has fewer
# conditions. Merging comes last, because by then no norm separates the layers.
RULES: tuple[tuple[str, Rule], ...] = (
    (remove_identity.NAME, remove_identity.apply),
    (fold_scale_into_previous.NAME, fold_scale_into_previous.apply),
    (fold_batchnorm_into_previous.NAME, fold_batchnorm_into_previous.apply),
    (fold_batchnorm_into_next.NAME, fold_batchnorm_into_next.apply),
    (merge_linear.NAME, merge_linear.apply),
)


def check(_member: nn.Module, options: Mapping[str, object]) -> None:
    """Raises RequestError for any option, because this baker has none."""
    if options:
        raise RequestError(f"this mother's members have no option {', '.join(options)}: remove it from [member]")


def bake_graph(member: nn.Module, inputs: tuple[Tensor, ...], on_rule: OnRule | None = None) -> Baked:
    """Returns a baked float32 copy of `member` and does not change `member`.

    Args:
        member: A calibrated member in eval mode.
        inputs: Example inputs. They give the rules the rank of every value.
        on_rule: Called with the network after each rule that changed it, also in later rounds.
    """
    try:
        graph_module = trace(copy.deepcopy(member).eval().double(), inputs)
    except Exception as error:  # the forward of a user's network may raise any exception while it is traced
        reason = f"its forward cannot be traced as a graph ({one_line(error, 160)})"
        unchanged = copy.deepcopy(member).eval()
        compute_weights(unchanged)
        return Baked(unchanged, (), (Refused("trace", type(member).__name__, reason),))

    applied: list[Applied] = []
    while True:
        outcomes: list[Outcome] = []
        for name, rule in RULES:
            found = rule(graph_module)
            if on_rule is not None and any(isinstance(outcome, Applied) for outcome in found):
                on_rule(name, narrow(copy.deepcopy(graph_module)))
            outcomes += found
        done = [o for o in outcomes if isinstance(o, Applied)]
        applied += done
        if not done:
            refused = tuple(o for o in outcomes if isinstance(o, Refused))
            return Baked(narrow(graph_module), tuple(applied), refused)
