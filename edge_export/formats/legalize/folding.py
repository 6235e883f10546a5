"""Computes the values of a graph that do not depend on its inputs, such as a resize's matrix or a flipped weight."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import torch
from torch.fx.node import map_arg

from edge_export.formats.constants import constant_named, drop_unused

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_MOST_ELEMENTS = 2**22
"""Larger values are left to the converter, unless they are views."""
_DETACHES = torch.ops.aten.detach_.default
_VIEWS = frozenset({"expand", "broadcast_to"})


def changes_in_place(graph: torch.fx.Graph) -> bool:
    """Whether an operator of the graph writes into a value. `detach_` of a constant writes nothing."""
    return any(
        isinstance(node.target, torch._ops.OpOverload)
        and node.target._schema.is_mutable
        and node.target is not _DETACHES
        for node in graph.nodes
    )


def computes_constants(exported: ExportedProgram) -> bool:
    """Whether the program computes values that do not depend on its inputs. A view of a constant computes nothing."""
    inputs = set(exported.graph_signature.user_inputs)
    values: dict[torch.fx.Node, Any] = {}
    for node in exported.graph.nodes:
        if node.op == "placeholder" and node.name not in inputs:
            values[node] = None
        elif _is_constant(node, values):
            values[node] = None
            if node.target is not operator.getitem and not any(each.alias_info for each in node.target._schema.returns):
                return True
    return False


def fold(module: torch.fx.GraphModule) -> bool:
    """Replaces constant values of `module` by buffers, in place. Returns whether there were any.

    Nothing in the graph may change a value in place.
    """
    graph = module.graph
    graph.eliminate_dead_code()
    values: dict[torch.fx.Node, Any] = {}
    for node in graph.nodes:
        if node.op == "get_attr":
            if not isinstance(getattr(module, str(node.target), None), torch.nn.Module):  # the body of a loop
                values[node] = constant_named(module, str(node.target))
        elif _is_constant(node, values):
            # Nobody else holds the copy of a constant that the graph detaches.
            target = torch.ops.aten.detach.default if node.target is _DETACHES else node.target
            with torch.no_grad():
                value = target(*map_arg(node.args, values.get), **map_arg(node.kwargs, values.get))  # type: ignore[operator]
            if not isinstance(value, torch.Tensor) or value.numel() <= _MOST_ELEMENTS:
                values[node] = value
    stored = module.state_dict()
    folded = False
    for node, value in values.items():
        # A constant that is no buffer gets a name when the graph is exported, which another constant may have.
        if not isinstance(value, torch.Tensor) or (node.op == "get_attr" and node.target in stored):
            continue
        readers = [user for user in node.users if user not in values]
        if not readers:
            continue
        name = _free_name(module)
        module.register_buffer(name, value.detach().clone().contiguous())
        with graph.inserting_before(node):
            constant = graph.get_attr(name)
        constant.meta = dict(node.meta)
        node.replace_all_uses_with(constant)
        folded = True
    for node in reversed(list(values)):
        if node.op == "call_function" and not node.users:
            graph.erase_node(node)  # otherwise `detach_` and checks keep what they read
    drop_unused(module)
    return folded


def _free_name(module: torch.fx.GraphModule) -> str:
    """Returns a buffer's name that is not taken. Of those of an earlier round, some may be gone."""
    number = sum(name.startswith("folded_") for name, _ in module.named_buffers())
    while hasattr(module, f"folded_{number}"):
        number += 1
    return f"folded_{number}"


def _is_constant(node: torch.fx.Node, values: dict[torch.fx.Node, Any]) -> bool:
    """Whether a node's value follows from known values alone."""
    if node.op != "call_function" or any(source not in values for source in node.all_input_nodes):
        return False
    if node.target is operator.getitem:
        return True
    target = node.target
    if not isinstance(target, torch._ops.OpOverload) or torch.Tag.nondeterministic_seeded in target.tags:
        return False
    return target.name().removeprefix("aten::").partition(".")[0] not in _VIEWS
