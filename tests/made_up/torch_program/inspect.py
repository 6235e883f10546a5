"""Lists the nodes of the program."""

from __future__ import annotations

from pathlib import Path

from edge_export.formats.contents import Contents, counted
from edge_export.spec.tensors import TensorSpec


def inspect(path: Path) -> Contents:
    """Reads the program in `path`."""
    import torch

    program = torch.export.load(path)
    nodes = {node.name: node for node in program.graph.nodes}

    def spec(name: object) -> TensorSpec:
        value = nodes[str(name)].meta["val"]
        return TensorSpec(str(name), tuple(value.shape), str(value.dtype).removeprefix("torch."))

    return Contents(
        format="torch_program",
        bytes=path.stat().st_size,
        weight_bytes=sum(tensor.nbytes for tensor in program.state_dict.values()),
        inputs=tuple(map(spec, program.graph_signature.user_inputs)),
        outputs=tuple(map(spec, program.graph_signature.user_outputs)),
        operators=counted([str(node.target) for node in program.graph.nodes if node.op == "call_function"]),
    )
