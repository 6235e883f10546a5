"""Reads every node of an exported program: the reference for the nodes of all converters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from edge_export.bisect.values import Value
from edge_export.formats.program import layer_of, operator_of

if TYPE_CHECKING:
    from torch import fx
    from torch.export import ExportedProgram

    from edge_export.files.arrays import Array


def program_values(program: ExportedProgram, inputs: Sequence[Array]) -> tuple[list[Value], list[str]]:
    """Returns the values of all nodes and inputs, and the names of those that are the program's outputs.

    Args:
        inputs: The program's inputs in order, `(samples, …)` each. The program runs on one sample at a time.
    """
    module = program.module()
    assert isinstance(module, torch.fx.GraphModule)
    samples = []
    for index in range(len(inputs[0])):
        interpreter = _Interpreter(module)
        with torch.no_grad():
            interpreter.run(*(torch.tensor(array[index : index + 1]) for array in inputs))
        samples.append(interpreter.seen)
    nodes = [node for node in module.graph.nodes if node.name in samples[0]]
    values = [
        Value(
            node.name,
            operator_of(node),
            tuple(_reads(node, samples[0].keys())),
            np.stack([sample[node.name] for sample in samples]),
            layer_of(node),
        )
        for node in nodes
    ]
    return values, [node.name for node in module.graph.output_node().all_input_nodes]


def _reads(node: fx.Node, seen: Collection[str]) -> list[str]:
    """Returns the nodes in `seen` that `node` is computed from. Nodes not in `seen`, such as tuples, are skipped."""
    found = []
    for read in node.all_input_nodes:
        found += [read.name] if read.name in seen else _reads(read, seen)
    return found


class _Interpreter(torch.fx.Interpreter):
    """Runs a program and keeps every floating-point value that a node computes."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.seen: dict[str, Array] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        given = n.op in ("get_attr", "output")
        if not given and isinstance(result, torch.Tensor) and result.is_floating_point() and result.numel():
            self.seen[n.name] = result.detach().clone().numpy()
        return result
