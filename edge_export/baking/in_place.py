"""Operators that write into their input.

A rule may let readers of one value read another. That is right only if nothing writes into either. Most writes have a
plain form: where nothing else reads what they write into, and it is no view. Values that others are written into are
known, and rules leave them as they are.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import torch

from edge_export.baking.nodes import dtype, is_call, operator_of

if TYPE_CHECKING:
    from torch import fx

_PLAIN = {
    *("add", "sub", "mul", "div", "neg", "abs", "exp", "sqrt", "square", "clamp", "clamp_min", "clamp_max", "detach"),
    *("relu", "relu6", "leaky_relu", "hardtanh", "hardswish", "hardsigmoid", "silu", "mish", "elu", "celu", "selu"),
    *("gelu", "sigmoid", "tanh"),
}
"""Operators that compute the same in their plain form."""


def without_simple_changes(graph: fx.Graph) -> None:
    """Gives every operator that changes a value nobody else reads its plain form."""
    for node in graph.nodes:
        plain = operator_of(node).removesuffix("_")
        if not _writes(node) or plain not in _PLAIN:
            continue
        given = node.args[0]
        own = getattr(given, "op", "") == "call_function" and len(given.users) == 1 and not _is_view(given)
        alike = all(dtype(source) == dtype(given) for source in node.all_input_nodes)
        if own and alike:
            node.target = getattr(getattr(torch.ops.aten, plain), node.target._overloadname)


def changed_in_place(graph: fx.Graph) -> frozenset[fx.Node]:
    """Returns all nodes that share their memory with one that an operator writes into."""
    if not any(map(_writes, graph.nodes)):
        return frozenset()
    owners: dict[fx.Node, fx.Node] = {}

    def owner(node: fx.Node) -> fx.Node:
        while owners.get(node, node) is not node:
            node = owners[node]
        return node

    written = []
    for node in graph.nodes:
        if _writes(node) or _is_view(node):
            for source in node.all_input_nodes:
                owners[owner(node)] = owner(source)
        if _writes(node):
            written.append(node)
    changed = {owner(node) for node in written}
    return frozenset(node for node in graph.nodes if owner(node) in changed)


def _writes(node: fx.Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def _is_view(node: fx.Node) -> bool:
    """Returns whether the value of `node` may share the memory of its input."""
    if node.target is operator.getitem or is_call(node, "dropout"):
        return True
    if not isinstance(node.target, torch._ops.OpOverload):
        return node.op == "call_function"
    return any(each.alias_info is not None for each in node.target._schema.returns)
