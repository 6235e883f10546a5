"""Constants of a graph module, as a program's module holds them: read by name, dropped when nothing uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.fx import GraphModule


def constant_named(model: GraphModule, target: str) -> Tensor:
    """Returns the parameter or buffer at a dotted path, without its gradient."""
    value: Any = model
    for name in target.split("."):
        value = getattr(value, name)
    tensor: Tensor = value.detach()
    return tensor


def drop_unused(model: GraphModule) -> None:
    """Removes unused nodes, parameters and buffers, so that files do not hold them, and nothing counts them."""
    model.graph.eliminate_dead_code()
    model.recompile()
    used = {node.target for node in model.graph.find_nodes(op="get_attr")}
    for name in [n for n, _ in [*model.named_parameters(), *model.named_buffers()] if n not in used]:
        owner, _, attribute = name.rpartition(".")
        delattr(model.get_submodule(owner), attribute)
