"""Brings a program's inputs and outputs into the types that Core ML has at its border: floats and int32.

int64, int16, int8, uint8   int32
bool                        int32; inside it is x ≠ 0
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edge_export.spec.tensors import IOSpec, TensorSpec

if TYPE_CHECKING:
    from torch.export import ExportedProgram

_NEAREST = dict.fromkeys(("int64", "int16", "int8", "uint8", "bool"), "int32")


def own_types(io: IOSpec) -> IOSpec:
    """Returns `io` in the types that Core ML has."""

    def own(spec: TensorSpec) -> TensorSpec:
        return replace(spec, dtype=_NEAREST.get(spec.dtype, spec.dtype))

    return replace(io, inputs=tuple(map(own, io.inputs)), outputs=tuple(map(own, io.outputs)))


def with_own_types(exported: ExportedProgram, io: IOSpec) -> ExportedProgram:
    """Returns the program of a member whose inputs and outputs are `io`, with those of `own_types`."""
    import torch

    if own_types(io) == io:
        return exported
    network = exported.module(check_guards=False)

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


def _inward(tensor: Any, spec: TensorSpec) -> Any:
    import torch

    if spec.dtype not in _NEAREST:
        return tensor
    return tensor != 0 if spec.dtype == "bool" else tensor.to(getattr(torch, spec.dtype))


def _outward(tensor: Any, spec: TensorSpec) -> Any:
    import torch

    return tensor.to(getattr(torch, _NEAREST[spec.dtype])) if spec.dtype in _NEAREST else tensor
