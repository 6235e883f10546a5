"""The types of inputs and outputs: Core ML has float32, float16 and int32 there, so others get the nearest.

    tokens (int64)  ->  tokens (int32) -> to int64 -> …        … -> to int32 -> best (int32)
    mask (bool)     ->  mask (int32)   -> != 0     -> …

Bytes and short integers stay int32 inside, which holds all of their values.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edge_export.spec.tensors import IOSpec, TensorSpec

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import GraphModule

NEAREST = dict.fromkeys(("int64", "int16", "int8", "uint8", "bool"), "int32")
"""The types that Core ML lacks at its border, and those that stand for them."""


class _Bordered(nn.Module):
    """Wraps `network`, whose inputs have `dtypes`, so that its inputs and outputs have types of the border."""

    def __init__(self, network: nn.Module, dtypes: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.dtypes = network, dtypes

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(*(_inward(x, dtype) for x, dtype in zip(inputs, self.dtypes, strict=True)))
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        return tuple(x if _name(x) not in NEAREST else x.to(torch.int32) for x in outputs)


def with_nearest_types(exported: ExportedProgram, io: IOSpec) -> tuple[ExportedProgram, IOSpec, tuple[str, ...]]:
    """Returns a program and its io with types that Core ML has at the border, and a note for each that changed.

    A program with none of `NEAREST` is returned as it is.
    """
    changed = [spec for spec in io.inputs + io.outputs if spec.dtype in NEAREST]
    if not changed:
        return exported, io, ()
    own = replace(io, inputs=tuple(map(_nearest, io.inputs)), outputs=tuple(map(_nearest, io.outputs)))
    network = exported.module(check_guards=False)
    _forget_types(network)
    blank = tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in own.inputs)
    with torch.no_grad():
        program = torch.export.export(_Bordered(network, tuple(s.dtype for s in io.inputs)), blank, strict=False)
    return (
        program,
        own,
        tuple(f"Core ML has no {spec.dtype} for {spec.name}: it is {NEAREST[spec.dtype]} here" for spec in changed),
    )


def _inward(x: Tensor, dtype: str) -> Tensor:
    if dtype == "int64":  # PyTorch's indices must have it
        return x.long()
    return x != 0 if dtype == "bool" else x


def _nearest(spec: TensorSpec) -> TensorSpec:
    return replace(spec, dtype=NEAREST.get(spec.dtype, spec.dtype))


def _name(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")


def _forget_types(network: GraphModule) -> None:
    """Removes the checks that a tensor has the type with which it was exported."""
    for node in list(network.graph.nodes):
        if node.target is torch.ops.aten._assert_tensor_metadata.default:
            network.graph.erase_node(node)
    network.recompile()
