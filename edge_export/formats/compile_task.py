"""The worker task "compile": compiles one member to one artifact."""

from __future__ import annotations

import time

from pydantic import Field

from edge_export.formats import FORMATS
from edge_export.spec.lazy import resolve
from edge_export.spec.tensors import IO
from edge_export.workers.task import FolderPath, InputPath, Message, WorkerTask

Options = dict[str, bool | int | float | str]


class CompileRequest(Message):
    """The request of the task "compile".

    Attributes:
        format: A name in the table of formats.
        precision: A precision of the format.
        options: The format's options. All formats have `backend` (default: the format's first) and `scheme`.
        program: The member's exported program, `.pt2`.
        io: The member's inputs and outputs.
        calibration: A safetensors file of real inputs of the member, for a scheme that needs them.
        workdir: An existing folder that only this request uses.
    """

    format: str
    precision: str
    options: Options = Field(default_factory=dict)
    program: InputPath
    io: IO
    calibration: InputPath | None = None
    workdir: FolderPath


class CompileAnswer(Message):
    """The answer of the task "compile".

    Attributes:
        file: The artifact's name in the workdir.
        io: The artifact's own inputs and outputs.
        tools: The versions of the packages that made it.
        notes: What a user should know about it, one sentence each.
        seconds: The time that the converter took.
        stages: The files that the route to the artifact passed through: file names in the workdir by format.
        operators: Its operators, each with its version, where runtimes know them by version.
    """

    file: str
    io: IO
    tools: dict[str, str]
    notes: tuple[str, ...]
    seconds: float
    stages: dict[str, str]
    operators: dict[str, int]


def compile_artifact(request: CompileRequest) -> CompileAnswer:
    """Compiles a member.

    Raises:
        ValueError: The format has no such precision or backend, or the file does not have the expected inputs and
            outputs.
    """
    known = FORMATS[request.format]
    options = {"backend": known.backends[0], **request.options}
    offered = known.precisions_of(str(options["backend"]))
    if request.precision not in offered:
        raise ValueError(f"{request.format} has no precision {request.precision}, only {', '.join(offered)}")
    start = time.perf_counter()
    compiled = resolve(known.compile)(
        request.program, request.io, request.precision, options, request.workdir, request.calibration
    )
    return CompileAnswer(
        file=compiled.path.name,
        io=compiled.io,
        tools=dict(compiled.tools),
        notes=compiled.notes,
        seconds=time.perf_counter() - start,
        stages={name: path.name for name, path in compiled.stages.items()},
        operators=dict(compiled.operators),
    )


COMPILE = WorkerTask("compile", CompileRequest, CompileAnswer, compile_artifact)
