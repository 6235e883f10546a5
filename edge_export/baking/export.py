"""Exports a baked member as the program from which every converter starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edge_export.baking.torch_shortcuts import keep_composite_operators
from edge_export.errors import RequestError, raised

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.export import ExportedProgram


def export_program(module: nn.Module, inputs: tuple[Tensor, ...]) -> ExportedProgram:
    """Calls `torch.export` with the fixed shapes of `inputs`, laid out row by row.

    An axis of one place may have any stride. ExecuTorch takes an odd one for another order of the axes.

    Raises:
        RequestError: The module's forward cannot be exported as a graph.
    """
    rows = tuple(tensor.clone(memory_format=torch.contiguous_format) for tensor in inputs)
    keep_composite_operators()
    try:
        with torch.no_grad():
            return torch.export.export(module, rows, strict=False)
    except Exception as error:  # torch.export raises many unrelated types
        raise RequestError(f"torch.export cannot export {type(module).__name__}: {raised(error)}") from error
