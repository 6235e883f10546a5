"""Apply every rule on graphs until none has anything left to do.

The whole member goes to float64 first and back to float32 last, so that each weight is rounded once however many
rules have touched it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import fx
from torch.fx.passes.shape_prop import ShapeProp

from edge_export.baking import (
    fold_batchnorm_into_next,
    fold_batchnorm_into_previous,
    fold_scale_into_previous,
    merge_linear,
    remove_identity,
)
from edge_export.baking.rule import Applied, Baked, OnRule, Outcome, Refused, Rule
from edge_export.errors import RequestError, one_line

if TYPE_CHECKING:
    from torch import Tensor, nn

# Identities first, since they stand between layers that fold; previous before next, since it has fewer conditions.
# Layers are merged when no norm stands between them any more.
RULES: tuple[tuple[str, Rule], ...] = (
    (remove_identity.NAME, remove_identity.apply),
    (fold_scale_into_previous.NAME, fold_scale_into_previous.apply),
    (fold_batchnorm_into_previous.NAME, fold_batchnorm_into_previous.apply),
    (fold_batchnorm_into_next.NAME, fold_batchnorm_into_next.apply),
    (merge_linear.NAME, merge_linear.apply),
)


def check(_member: nn.Module, options: Mapping[str, object]) -> None:
    """RequestError for any option: there are none."""
    if options:
        raise RequestError(f"this mother's members have no option {', '.join(options)}: remove it from [member]")


def bake_graph(member: nn.Module, inputs: tuple[Tensor, ...], on_rule: OnRule | None = None) -> Baked:
    """A baked float32 copy of `member`, which is left as it was.

    Args:
        member: A calibrated member in eval mode.
        inputs: Example inputs, from which the rules learn the rank of every value.
        on_rule: Told the network after each rule; a rule that finds more to do after the others is told of again.
    """
    working = copy.deepcopy(member).eval().double()
    try:
        graph_module = fx.symbolic_trace(working)
        wide = tuple(t.double() if t.is_floating_point() else t for t in inputs)
        with torch.no_grad():
            ShapeProp(graph_module).propagate(*wide)
    except Exception as error:  # a stranger's forward may raise anything while it is traced
        reason = f"its forward can't be traced as a graph ({one_line(error, 160)})"
        return Baked(copy.deepcopy(member).eval(), (), (Refused("trace", type(member).__name__, reason),))

    applied: list[Applied] = []
    while True:
        outcomes: list[Outcome] = []
        for name, rule in RULES:
            found = rule(graph_module)
            if on_rule is not None and any(isinstance(outcome, Applied) for outcome in found):
                on_rule(name, copy.deepcopy(graph_module).float().eval())
            outcomes += found
        done = [o for o in outcomes if isinstance(o, Applied)]
        applied += done
        if not done:
            refused = tuple(o for o in outcomes if isinstance(o, Refused))
            return Baked(graph_module.float().eval(), tuple(applied), refused)
