"""Convert an exported program to half precision: float16 weights and arithmetic, float32 inputs and outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Graph, GraphModule

    from edge_export.spec.tensors import IOSpec


LARGEST = torch.finfo(torch.float16).max


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


def clamp(network: GraphModule) -> tuple[str, ...]:
    """Changes numbers beyond float16's range to the last ones within, and returns a note if there are any.

    Otherwise they become infinite: of a mask of 0 and -1e9, 0 times -infinity is NaN.
    """
    clamped = _clamp((*network.parameters(), *network.buffers()), network.graph)
    network.recompile()
    return clamped


def clamp_program(program: ExportedProgram) -> tuple[str, ...]:
    """Changes an exported program as `clamp` does a network."""
    tensors = (*program.state_dict.values(), *program.constants.values())
    clamped = _clamp([each for each in tensors if isinstance(each, Tensor)], program.graph)
    program.graph_module.recompile()
    return clamped


def _clamp(tensors: Sequence[Tensor], graph: Graph) -> tuple[str, ...]:
    count = 0
    with torch.no_grad():
        for tensor in tensors:
            beyond = tensor.isfinite() & (tensor.abs() > LARGEST) if tensor.is_floating_point() else tensor.new_zeros(1)
            if beyond.any():
                tensor.copy_(torch.where(beyond, tensor.clamp(-LARGEST, LARGEST), tensor))
                count += int(beyond.sum())
    for node in graph.nodes:
        if node.op == "call_function":
            kept = tuple(_within(argument) for argument in node.args)
            named = {name: _within(argument) for name, argument in node.kwargs.items()}
            count += sum(one is not other for one, other in zip(kept, node.args, strict=True))
            count += sum(named[name] is not node.kwargs[name] for name in named)
            node.args, node.kwargs = kept, named
    if not count:
        return ()
    return (f"numbers beyond float16's range, such as those of masks, are {LARGEST:.0f} or its negative here: {count}",)


def _within(argument: Any) -> Any:
    if isinstance(argument, float) and math.isfinite(argument) and abs(argument) > LARGEST:
        return math.copysign(LARGEST, argument)
    return argument


def blank_inputs(io: IOSpec) -> tuple[Tensor, ...]:
    """Returns inputs of zeros."""
    return tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in io.inputs)


def _halved(argument: Any) -> Any:
    """Replaces float32 by float16 where an argument is the dtype that an operator computes in or converts to."""
    return torch.float16 if argument is torch.float32 else argument


def _cast(x: Tensor, before: torch.dtype, after: torch.dtype) -> Tensor:
    return x.to(after) if x.dtype == before else x
