"""Reading the exported program (`.pt2`) of a member."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.formats.compiled import require_io
from edge_export.spec.tensors import IOSpec, TensorSpec

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node


PROGRAM, CALIBRATION = "program.pt2", "calibration.safetensors"
"""Files in a member's folder that it is compiled from: its exported program, and real inputs for quantizers."""


def load_program(path: Path, io: IOSpec) -> ExportedProgram:
    """Loads the exported program in `path`.

    Raises:
        ValueError: Its inputs and outputs are not those of `io`, or it mutates its buffers or inputs.
    """
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns of its own file format
        program = torch.export.load(path)
    signature = program.graph_signature
    if signature.buffers_to_mutate or signature.user_inputs_to_mutate:
        raise ValueError("the network changes its own buffers or inputs; state must be an input and an output")
    nodes = {node.name: node for node in program.graph.nodes}
    inputs = [_spec(nodes[str(name)]) for name in signature.user_inputs]
    outputs = [_spec(nodes[str(name)]) for name in signature.user_outputs]
    require_io(io, inputs, outputs, named=False)
    return program


def _spec(node: Node) -> TensorSpec:
    value = node.meta["val"]
    return TensorSpec(node.name, tuple(map(int, value.shape)), str(value.dtype).removeprefix("torch."))
