"""A member in half precision, for XNNPACK: float16 weights and arithmetic between float32 inputs and outputs.

The XNNPACK of ExecuTorch 1.4.1 refuses convolutions whose weights are float16 in the file. It rounds them when it loads
them: a network of convolutions computes in float16, and its file is no smaller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from edge_export.spec.tensors import IOSpec

_NOTES = (
    "inputs and outputs are float32",
    "arithmetic is float16: it needs a CPU that has it (Arm from v8.2 on, x86 with AVX2)",
)
_CONVOLUTIONS = "weights of convolutions are float32 in the file, and rounded to float16 when it is loaded"


class _Float32Boundary(nn.Module):
    """`network`, which takes and gives float16, with float32 inputs and outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(*(_cast(x, torch.float32, torch.float16) for x in inputs))
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        return tuple(_cast(x, torch.float16, torch.float32) for x in outputs)


def halve(exported: ExportedProgram, io: IOSpec) -> tuple[ExportedProgram, tuple[str, ...]]:
    """`exported` in half precision, and what a user should know about it."""
    network = exported.module(check_guards=False).half()
    for node in network.graph.nodes:
        node.args = tuple(_halved(argument) for argument in node.args)
        node.kwargs = {name: _halved(argument) for name, argument in node.kwargs.items()}
    network.recompile()
    blank = tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in io.inputs)
    convolutions = any("aten.conv" in str(node.target) for node in network.graph.nodes)
    notes = (*_NOTES, _CONVOLUTIONS) if convolutions else _NOTES
    return torch.export.export(_Float32Boundary(network), blank, strict=False), notes


def _halved(argument: Any) -> Any:
    """Of an operator's arguments, the type that it is told to compute in or to convert to."""
    return torch.float16 if argument is torch.float32 else argument


def _cast(x: Tensor, before: torch.dtype, after: torch.dtype) -> Tensor:
    return x.to(after) if x.dtype == before else x
