"""Brings a program's inputs and outputs into what Core ML has at its border: floats and int32, of at most five axes.

int64, int16, int8, uint8   int32
bool                        int32; inside it is x ≠ 0
bytes and short integers stay int32 inside, which holds all of their values
(1, …) of six axes          (…): the batch of one that a network without a batch gets at its border
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge_export.spec.tensors import IOSpec, TensorSpec

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import GraphModule

MOST_AXES = 5
_NEAREST = dict.fromkeys(("int64", "int16", "int8", "uint8", "bool"), "int32")


def own_border(io: IOSpec) -> IOSpec:
    """Returns `io` in the types and shapes that Core ML has."""

    def own(spec: TensorSpec) -> TensorSpec:
        shape = spec.shape[1:] if _has_one_too_many(spec) else spec.shape
        return replace(spec, dtype=_NEAREST.get(spec.dtype, spec.dtype), shape=shape)

    return replace(io, inputs=tuple(map(own, io.inputs)), outputs=tuple(map(own, io.outputs)))


def with_own_border(exported: ExportedProgram, io: IOSpec) -> ExportedProgram:
    """Returns the program of a member whose inputs and outputs are `io`, with those of `own_border`."""
    import torch

    if own_border(io) == io:
        return exported
    network = exported.module(check_guards=False)
    _forget_types(network)

    class Bordered(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
            given = [_inward(tensor, spec) for tensor, spec in zip(inputs, io.inputs, strict=True)]
            returned: Any = self.network(*given)
            outputs = (returned,) if isinstance(returned, torch.Tensor) else returned
            return tuple(_outward(tensor, spec) for tensor, spec in zip(outputs, io.outputs, strict=True))

    inputs = tuple(_outward(t, spec) for t, spec in zip(exported.example_inputs[0], io.inputs, strict=True))
    with torch.no_grad():
        return torch.export.export(Bordered(), inputs, strict=False)


def _has_one_too_many(spec: TensorSpec) -> bool:
    return len(spec.shape) == MOST_AXES + 1 and spec.shape[0] == 1


def _inward(tensor: Any, spec: TensorSpec) -> Any:
    if _has_one_too_many(spec):
        tensor = tensor.unsqueeze(0)
    if spec.dtype == "int64":  # PyTorch's indices must have it
        return tensor.long()
    return tensor != 0 if spec.dtype == "bool" else tensor


def _outward(tensor: Any, spec: TensorSpec) -> Any:
    import torch

    if _has_one_too_many(spec):
        tensor = tensor.squeeze(0)
    return tensor.to(getattr(torch, _NEAREST[spec.dtype])) if spec.dtype in _NEAREST else tensor


def _forget_types(network: GraphModule) -> None:
    """Removes the checks that a tensor has the type with which it was exported."""
    import torch

    for node in list(network.graph.nodes):
        if node.target is torch.ops.aten._assert_tensor_metadata.default:
            network.graph.erase_node(node)
    network.recompile()
