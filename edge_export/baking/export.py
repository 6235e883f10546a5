"""Exports a baked member as the program from which every converter starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edge_export.baking.torch_shortcuts import take_shortcuts
from edge_export.errors import RequestError, raised, users_line, written_stack

if TYPE_CHECKING:
    from torch import Tensor, fx, nn
    from torch.export import ExportedProgram


def export_program(module: nn.Module, inputs: tuple[Tensor, ...]) -> ExportedProgram:
    """Calls `torch.export` with the fixed shapes of `inputs`, laid out row by row.

    An axis of one place may have any stride. ExecuTorch takes an odd one for another order of the axes.

    Raises:
        RequestError: The module's forward cannot be exported as a graph.
    """
    rows = tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in inputs)
    take_shortcuts()
    try:
        with torch.no_grad():
            program = torch.export.export(module, rows, strict=False)
    except Exception as error:  # torch.export raises many unrelated types
        raise RequestError(f"torch.export cannot export {type(module).__name__}: {raised(error)}") from error
    if node := _unsized(program):
        line = users_line(written_stack(node.meta.get("stack_trace") or ""))
        raise RequestError(
            f"torch.export cannot export {type(module).__name__}: the shape of its outputs depends on values, by "
            + node.name
            + (f" ({line})" if line else "")
            + ": return outputs of a fixed shape, with a mask or a count of what is valid"
        )
    return program


def operator_lines(program: ExportedProgram) -> dict[str, str]:
    """Returns the line of the user's file that calls each operator of a program first, by the operator's name.

    "special_airy_ai": "net.py:12 in forward".
    """
    lines: dict[str, str] = {}
    for node in program.graph.nodes:
        if isinstance(node.target, torch._ops.OpOverload):
            line = users_line(written_stack(node.meta.get("stack_trace") or ""))
            if line:
                lines.setdefault(node.target._schema.name.rpartition("::")[2], line)
    return lines


def _unsized(program: ExportedProgram) -> fx.Node | None:
    """Returns the operator by which the shape of an output depends on values; None: no shape does."""
    nodes: list[fx.Node] = list(program.graph.nodes)
    if all(map(_has_sizes, nodes[-1].all_input_nodes)):
        return None
    return next(node for node in nodes if not _has_sizes(node))


def _has_sizes(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return not isinstance(value, torch.Tensor) or all(isinstance(size, int) for size in value.shape)
