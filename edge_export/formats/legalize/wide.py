"""Numbers of 64 bits inside of a network → 32 bits, which is what a TFLite file computes in.

x.to(float64), sum(x, dtype=float64)     the same in float32, and so on for all that are told a type
a constant in float64                    rounded to float32, such as a window from numpy

What follows from such values is float32 by itself. This is no rule for single calls: constants have no call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.fx.node import map_aggregate

from edge_export.formats.constants import constant_named

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_CHECK = torch.ops.aten._assert_tensor_metadata.default
FORMATS = ("tflite",)
"""The formats that compute nothing in 64 bits."""


def uses_wide(exported: ExportedProgram) -> bool:
    """Whether a value of the program is float64, but no input is."""
    wide = {node.name for node in exported.graph.nodes if _is_wide(node)}
    return bool(wide) and not wide & {str(name) for name in exported.graph_signature.user_inputs}


def narrow(module: torch.fx.GraphModule) -> list[torch.fx.node.Target]:
    """Lets the graph compute in float32, in place. Returns the operators that were told another type."""
    changed: list[torch.fx.node.Target] = []
    for node in list(module.graph.nodes):
        if node.op == "get_attr":
            value = constant_named(module, str(node.target))
            if value.dtype == torch.float64:
                name = f"narrow_{len(changed)}_{str(node.target).replace('.', '_')}"
                module.register_buffer(name, value.detach().to(torch.float32))
                node.target = name
        elif node.target is _CHECK:
            module.graph.erase_node(node)  # of a type that may be another now
        elif node.op == "call_function":
            told = (node.args, node.kwargs)
            args, options = (map_aggregate(each, _narrowed) for each in told)  # type: ignore[arg-type]
            if (args, options) != told:
                node.args, node.kwargs = args, options  # type: ignore[assignment]
                changed.append(node.target)
    module.recompile()
    return changed


def _narrowed(argument: object) -> object:
    return torch.float32 if argument is torch.float64 else argument


def _is_wide(node: torch.fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.dtype == torch.float64
