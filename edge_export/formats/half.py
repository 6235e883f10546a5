"""Convert an exported program to half precision: float16 weights and arithmetic, float32 inputs and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import GraphModule

    from edge_export.spec.tensors import IOSpec


class _Float32Boundary(nn.Module):
    """Wraps `network`, whose inputs and outputs are float16, so that they are float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(*(_cast(x, torch.float32, torch.float16) for x in inputs))
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        return tuple(_cast(x, torch.float16, torch.float32) for x in outputs)


def halve(network: GraphModule, io: IOSpec) -> ExportedProgram:
    """Returns `network`, the module of an exported program with the inputs of `io`, in half precision. Changes it."""
    network = network.half()
    for node in network.graph.nodes:
        node.args = tuple(_halved(argument) for argument in node.args)
        node.kwargs = {name: _halved(argument) for name, argument in node.kwargs.items()}
    network.recompile()
    return torch.export.export(_Float32Boundary(network), blank_inputs(io), strict=False)


def blank_inputs(io: IOSpec) -> tuple[Tensor, ...]:
    """Returns inputs of zeros."""
    return tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in io.inputs)


def _halved(argument: Any) -> Any:
    """Replaces float32 by float16 where an argument is the dtype that an operator computes in or converts to."""
    return torch.float16 if argument is torch.float32 else argument


def _cast(x: Tensor, before: torch.dtype, after: torch.dtype) -> Tensor:
    return x.to(after) if x.dtype == before else x
