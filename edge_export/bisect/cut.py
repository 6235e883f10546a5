"""The worker task "bisect_cut": exports a prefix of an exported program as a separate program.

A compiled file whose values cannot be read is bisected by prefixes of its program. The outputs of a prefix are all
values that are computed up to a node and read after it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.formats.program import PROGRAM
from edge_export.spec.tensors import IO, IOSpec, TensorSpec
from edge_export.workers.task import FolderPath, InputPath, Message, WorkerTask

if TYPE_CHECKING:
    from torch import Tensor, fx, nn

EXPECTED = "expected.safetensors"


class CutRequest(Message):
    """The request of the worker task "bisect_cut".

    Attributes:
        program: A `.pt2` file.
        io: The program's inputs and outputs.
        samples: A safetensors file of the program's inputs, `(samples, …)` each.
        after: The name of the node to cut after. None: list the nodes after which the program can be cut.
        workdir: An existing folder.
    """

    program: InputPath
    io: IO
    samples: InputPath
    after: str | None
    workdir: FolderPath


class Cut(Message):
    """A node after which a program can be cut."""

    name: str
    operator: str
    layer: str


class CutAnswer(Message):
    """The answer of the worker task "bisect_cut".

    Attributes:
        io: The inputs and outputs of the prefix, which is PROGRAM in the workdir. If the program was not cut: those of
            the program. The names of nodes are kept, so it is not validated.
        cuts: The nodes after which the program can be cut, in order. Empty if it was cut.
    """

    io: IOSpec
    cuts: tuple[Cut, ...] = ()


def cut_program(request: CutRequest) -> CutAnswer:
    """Cuts a program after one of its nodes, or lists the nodes after which it can be cut.

    Both write EXPECTED, the outputs on the samples, to the workdir.
    """
    import torch

    from edge_export.baking.export import export_program
    from edge_export.files.arrays import load_arrays
    from edge_export.formats.program import layer_of, load_program, operator_of

    io, workdir = request.io, request.workdir
    module = load_program(request.program, io).module()
    assert isinstance(module, torch.fx.GraphModule)
    arrays = load_arrays(request.samples)
    inputs = [torch.from_numpy(arrays[spec.name]) for spec in io.inputs]
    samples = list(zip(*(tensor.split(1) for tensor in inputs), strict=True))
    if request.after is None:
        _save_outputs(workdir, module, samples, [spec.name for spec in io.outputs])
        nodes = [node for node in module.graph.nodes if _read_later(module.graph, node.name)]
        cuts = tuple(Cut(name=node.name, operator=operator_of(node), layer=layer_of(node)) for node in nodes)
        return CutAnswer(io=io, cuts=cuts)
    live = _read_later(module.graph, request.after)
    beginning = _cut(module, live)
    outputs = _save_outputs(workdir, beginning, samples, [node.name for node in live])
    torch.export.save(export_program(beginning, samples[0]), workdir / PROGRAM)
    return CutAnswer(io=IOSpec(io.inputs, outputs))


def _save_outputs(
    workdir: Path, module: nn.Module, samples: Sequence[tuple[Tensor, ...]], names: Sequence[str]
) -> tuple[TensorSpec, ...]:
    """Runs `module` on every sample, saves its outputs, `(samples, …)` each, and returns their specs."""
    import numpy as np

    from edge_export.files.arrays import save_arrays
    from edge_export.members.extract import forward

    outputs = [forward(module, sample) for sample in samples]
    columns = zip(names, zip(*outputs, strict=True), strict=True)
    save_arrays(workdir / EXPECTED, {name: np.concatenate([t.numpy() for t in column]) for name, column in columns})
    shapes = zip(names, outputs[0], strict=True)
    return tuple(TensorSpec(name, tuple(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in shapes)


def _read_later(graph: fx.Graph, after: str) -> list[fx.Node]:
    """Returns the computed nodes up to `after` that are read after it.

    Empty: the program cannot be cut there, because a value is not a tensor, or is a scalar, or `after` is not read.
    """
    import torch

    order = {node: index for index, node in enumerate(graph.nodes)}
    last = next(index for node, index in order.items() if node.name == after)
    live = [
        node
        for node, index in order.items()
        if index <= last and node.op.startswith("call") and any(order[user] > last for user in node.users)
    ]
    values = [node.meta.get("val") for node in live]
    if not all(isinstance(value, torch.Tensor) and value.dim() for value in values):
        return []
    return live if any(node.name == after for node in live) else []


def _cut(module: fx.GraphModule, live: list[fx.Node]) -> fx.GraphModule:
    """Returns a copy of `module` with the outputs `live`. It takes separate input arguments and returns a tuple."""
    from torch import fx
    from torch.fx.graph import CodeGen

    graph = copy.deepcopy(module.graph)
    copies = {node.name: node for node in graph.nodes}
    graph.erase_node(graph.output_node())
    graph.output(tuple(copies[node.name] for node in live))
    graph.set_codegen(CodeGen())
    beginning = fx.GraphModule(module, graph)
    beginning.graph.eliminate_dead_code()
    beginning.recompile()
    return beginning


CUT = WorkerTask("bisect_cut", CutRequest, CutAnswer, cut_program)
