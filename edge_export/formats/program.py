"""Reading the exported program (`.pt2`) of a member."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.baking.torch_shortcuts import take_shortcuts
from edge_export.errors import users_line, written_stack
from edge_export.formats.compiled import require_io
from edge_export.spec.tensors import IOSpec, TensorSpec

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import Node


DECOMPOSED = "decomposed"
"""The way that decomposes the program into core operators before it is converted."""
PROGRAM, CALIBRATION = "program.pt2", "calibration.safetensors"
"""Files in a member's folder that it is compiled from: its exported program, and real inputs for quantizers."""


def load_program(path: Path, io: IOSpec) -> ExportedProgram:
    """Loads the exported program in `path`.

    Raises:
        ValueError: Its inputs and outputs are not those of `io`, or it mutates its buffers or inputs.
    """
    import torch

    take_shortcuts()
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


def decomposed(exported: ExportedProgram, options: Mapping[str, object]) -> ExportedProgram:
    """Returns the program in core operators if the option `way` asks for it, and otherwise itself."""
    return exported.run_decompositions() if options.get("way") == DECOMPOSED else exported


def operator_of(node: Node) -> str:
    """Returns the operator's name without its overload, such as "conv2d"."""
    if node.op == "placeholder":
        return "input"
    return str(getattr(node.target, "_opname", None) or getattr(node.target, "__name__", node.target))


def layer_of(node: Node) -> str:
    """Returns the path of the module that the node was captured in. Empty: the network itself."""
    stack: dict[str, tuple[str, Any]] = node.meta.get("nn_module_stack") or {}
    return next((path for path, _ in reversed(stack.values())), "")


def place_of(node: Node) -> str:
    """Returns where an operator is: "layer first (linear, net.py:12 in forward)", or "pow (net.py:12 in forward)"."""
    layer, line = layer_of(node), users_line(written_stack(node.meta.get("stack_trace") or ""))
    told = [operator_of(node), line] if layer else [line]
    inside = ", ".join(filter(None, told))
    return (f"layer {layer}" if layer else operator_of(node)) + (f" ({inside})" if inside else "")


def own_outputs(exported: ExportedProgram) -> None:
    """Gives every output of `exported` its own operator, because converters fail if one is an input or occurs twice."""
    import torch

    graph, signature = exported.graph, exported.graph_signature
    output = graph.output_node()
    own: list[Any] = []
    for node, spec in zip(output.args[0], signature.output_specs, strict=True):  # type: ignore[arg-type]
        assert isinstance(node, torch.fx.Node)
        if node.op == "placeholder" or node in own:
            with graph.inserting_before(output):
                # A view of the same shape, because converters remove a clone before they handle outputs.
                view = graph.call_function(torch.ops.aten.view.default, (node, list(node.meta["val"].shape)))
            view.meta = dict(node.meta)
            spec.arg = torch.export.graph_signature.TensorArgument(name=view.name)
            node = view
        own.append(node)
    output.args = (tuple(own),)
    exported.graph_module.recompile()


def _spec(node: Node) -> TensorSpec:
    value = node.meta["val"]
    return TensorSpec(node.name, tuple(map(int, value.shape)), str(value.dtype).removeprefix("torch."))
