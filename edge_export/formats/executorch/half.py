"""Convert a member to half precision for XNNPACK: float16 weights and arithmetic, float32 inputs and outputs.

The XNNPACK of ExecuTorch 1.4.1 rejects convolutions whose weights are float16 in the file. They stay float32 there, and
XNNPACK rounds them when it loads the file. A network of convolutions computes in float16, but its file is not smaller.
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
    """Wraps `network`, whose inputs and outputs are float16, so that they are float32."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(*(_cast(x, torch.float32, torch.float16) for x in inputs))
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        return tuple(_cast(x, torch.float16, torch.float32) for x in outputs)


def halve(exported: ExportedProgram, io: IOSpec) -> tuple[ExportedProgram, tuple[str, ...]]:
    """Returns `exported` in half precision, and notes for the user."""
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
    """Replaces float32 by float16 where an argument is the dtype that an operator computes in or converts to."""
    return torch.float16 if argument is torch.float32 else argument


def _cast(x: Tensor, before: torch.dtype, after: torch.dtype) -> Tensor:
    return x.to(after) if x.dtype == before else x
