"""Convert a member to half precision for XNNPACK: float16 weights and arithmetic, float32 inputs and outputs.

The XNNPACK of ExecuTorch 1.4.1 rejects convolutions whose weights are float16 in the file. They stay float32 there, and
XNNPACK rounds them when it loads the file. A network of convolutions computes in float16, but its file is not smaller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_export.formats import half

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from edge_export.spec.tensors import IOSpec

_NOTES = (
    "inputs and outputs are float32",
    "arithmetic is float16: it needs a CPU that has it (Arm from v8.2 on, x86 with AVX2)",
)
_CONVOLUTIONS = "weights of convolutions are float32 in the file, and rounded to float16 when it is loaded"


def halve(exported: ExportedProgram, io: IOSpec) -> tuple[ExportedProgram, tuple[str, ...]]:
    """Returns `exported` in half precision, and notes for the user."""
    network = exported.module(check_guards=False)
    convolutions = any("aten.conv" in str(node.target) for node in network.graph.nodes)
    notes = (*_NOTES, _CONVOLUTIONS) if convolutions else _NOTES
    notes = (*notes, *half.clamp(network))
    return half.halve(network, io), notes
