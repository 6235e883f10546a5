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
"""Larger values are left to the converter."""
_MANY = 2**14
"""A constant of as many values, 64 kB of float32, is kept with one place of each axis along which it repeats."""
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
    values, stay = _known(module)
    stored = module.state_dict()
    folded = False
    for node, value in values.items():
        # A constant that is no buffer gets a name when the graph is exported, which another constant may have.
        if not isinstance(value, torch.Tensor) or (node.op == "get_attr" and node.target in stored):
            continue
        if node in stay or not any(user not in values or user in stay for user in node.users):
            continue
        name, kept = _free_name(module), _without_repeats(value)
        module.register_buffer(name, kept.detach().clone().contiguous())
        with graph.inserting_before(node):
            constant = graph.get_attr(name)
            constant.meta = dict(node.meta)
            if kept.shape != value.shape:
                constant.meta["val"] = kept
                constant = graph.call_function(torch.ops.aten.expand.default, (constant, list(value.shape)))
                constant.meta = dict(node.meta)
        node.replace_all_uses_with(constant)
        folded = True
    for node in reversed(list(values)):
        if node.op == "call_function" and not node.users:
            graph.erase_node(node)  # otherwise `detach_` and checks keep what they read
    drop_unused(module)
    return folded


def _known(module: torch.fx.GraphModule) -> tuple[dict[torch.fx.Node, Any], set[torch.fx.Node]]:
    """Returns the values that do not depend on inputs, and which of them stay computed.

    What is expanded stays, and what is computed from it, if it is large: a file holds no constant of the expanded size.
    """
    values: dict[torch.fx.Node, Any] = {}
    expanded: set[torch.fx.Node] = set()
    stay: set[torch.fx.Node] = set()
    for node in module.graph.nodes:
        if node.op == "get_attr":
            if not isinstance(getattr(module, str(node.target), None), torch.nn.Module):  # the body of a loop
                values[node] = constant_named(module, str(node.target))
        elif _is_constant(node, values):
            # Nobody else holds the copy of a constant that the graph detaches.
            target = torch.ops.aten.detach.default if node.target is _DETACHES else node.target
            with torch.no_grad():
                value = target(*map_arg(node.args, values.get), **map_arg(node.kwargs, values.get))  # type: ignore[operator]
            if isinstance(value, torch.Tensor) and value.numel() > _MOST_ELEMENTS:
                continue
            values[node] = value
            if _is_view(node) or not expanded.isdisjoint(node.all_input_nodes):
                expanded.add(node)
                if _is_view(node) or (isinstance(value, torch.Tensor) and _without_repeats(value).numel() > _MANY):
                    stay.add(node)
    return values, stay


def _without_repeats(value: torch.Tensor) -> torch.Tensor:
    """Returns one place of each axis along which a large constant repeats."""
    for axis in range(value.dim()) if value.numel() >= _MANY else ():
        first = value.narrow(axis, 0, 1)
        if value.shape[axis] > 1 and torch.equal(value, first.expand_as(value)):
            value = first
    return value


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
    return isinstance(node.target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded not in node.target.tags


def _is_view(node: torch.fx.Node) -> bool:
    """Whether a node only expands a value."""
    return isinstance(node.target, torch._ops.OpOverload) and node.target.name().removeprefix("aten::") in _VIEWS
