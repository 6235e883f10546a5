"""The cost of a member: parameters, multiply-accumulates and the memory of its activations."""

from __future__ import annotations

import copy
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from torch import Tensor, fx, nn
    from torch.export import ExportedProgram


@dataclass(frozen=True)
class Complexity:
    """The cost of one call.

    Attributes:
        params: The number of weights.
        macs: The multiply-accumulates of convolutions and matrix products. 0: they could not be counted.
        peak_activation_bytes: The largest sum of activations that are live at once, in graph order. Views need no
            memory. 0: they could not be counted.
    """

    params: int
    macs: int
    peak_activation_bytes: int


def complexity(member: nn.Module, program: ExportedProgram, inputs: tuple[Tensor, ...]) -> Complexity:
    """Measures a baked member and its exported program on `inputs` (batch 1).

    What cannot be counted does not stop a build: it goes to the log, and its count is 0.
    """
    return Complexity(
        params=sum(p.numel() for p in member.parameters()),
        macs=_counted(lambda: _macs(member, inputs)) or _counted(lambda: _macs(program.module(), inputs)),
        peak_activation_bytes=_counted(lambda: peak_activation_bytes(program)),
    )


def _counted(count: Callable[[], int]) -> int:
    try:
        return count()
    except Exception:  # the counter of torch and a stranger's graph raise many unrelated types
        traceback.print_exc()
        return 0


def _macs(network: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    # The counter fails on views of parameters that require gradients.
    plain = copy.deepcopy(network).requires_grad_(False)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        plain(*inputs)
    return int(counter.get_total_flops()) // 2


def peak_activation_bytes(program: ExportedProgram) -> int:
    """Returns the largest sum of live activations over the nodes of the graph, with inputs and without weights."""
    weights = {
        *program.graph_signature.inputs_to_parameters,
        *program.graph_signature.inputs_to_buffers,
        *program.graph_signature.inputs_to_lifted_tensor_constants,
    }
    nodes = [n for n in program.graph.nodes if n.name not in weights]
    owner: dict[fx.Node, fx.Node] = {}
    last_use: dict[fx.Node, int] = {}
    for step, node in enumerate(nodes):
        owner[node] = owner.get(node.args[0], node) if _is_view(node) else node  # type: ignore[arg-type]
        for used in (*node.all_input_nodes, node):
            if used in owner:
                last_use[owner[used]] = step
    alive = peak = 0
    frees: dict[int, list[fx.Node]] = {}
    for node, step in last_use.items():
        frees.setdefault(step, []).append(node)
    for step, node in enumerate(nodes):
        if owner[node] is node:
            alive += _bytes(node)
        peak = max(peak, alive)
        alive -= sum(_bytes(freed) for freed in frees.get(step, ()))
    return peak


def _is_view(node: fx.Node) -> bool:
    return bool(node.op == "call_function" and getattr(node.target, "is_view", False))


def _bytes(node: fx.Node) -> int:
    value = node.meta.get("val")
    tensors = value if isinstance(value, tuple | list) else (value,)
    return sum(t.numel() * t.element_size() for t in tensors if isinstance(t, torch.Tensor))
