"""A table of tasks whose converter clips one activation too low, wherever it stands in what is lowered."""

from __future__ import annotations

from edge_export.formats.compile_task import COMPILE, CompileAnswer, CompileRequest, compile_artifact
from edge_export.workers.task import WorkerTask
from edge_export.workers.tasks import TASKS

TABLE = {**TASKS, "compile": "tests.bisect.faulty_lowering:COMPILE_WRONG"}


def compile_wrong(request: CompileRequest) -> CompileAnswer:
    """Compile a program whose ReLU6, if it has one, gives at most 0.1."""
    import torch

    program = torch.export.load(request.program)
    for node in program.graph.nodes:
        if node.target == torch.ops.aten.relu6.default:
            node.target, node.args = torch.ops.aten.hardtanh.default, (node.args[0], 0.0, 0.1)
    program.graph_module.recompile()
    path = request.workdir / "wrong.pt2"
    torch.export.save(program, path)
    return compile_artifact(request.model_copy(update={"program": path}))


COMPILE_WRONG = WorkerTask(COMPILE.name, COMPILE.request, COMPILE.answer, compile_wrong)
