"""A table of tasks whose converter clips one activation too low, wherever it stands in what is lowered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edge_export.formats.compile_task import compile_artifact
from edge_export.workers.tasks import TASKS

TABLE = {**TASKS, "compile": "tests.verify.bisect.faulty_lowering:compile_wrong"}


def compile_wrong(args: dict[str, Any]) -> dict[str, Any]:
    """Compile a program whose ReLU6, if it has one, gives at most 0.1."""
    import torch

    program = torch.export.load(args["program"])
    for node in program.graph.nodes:
        if node.target == torch.ops.aten.relu6.default:
            node.target, node.args = torch.ops.aten.hardtanh.default, (node.args[0], 0.0, 0.1)
    program.graph_module.recompile()
    path = Path(args["workdir"]) / "wrong.pt2"
    torch.export.save(program, path)
    return compile_artifact({**args, "program": str(path)})
