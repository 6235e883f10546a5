"""Compile a member in a worker process, because a converter may crash, hang and print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_export.formats import FORMATS, worker_kind
from edge_export.formats.compile_task import COMPILE, CompileAnswer, CompileRequest
from edge_export.spec.lazy import resolve
from edge_export.workers import Workers

COMPILE_TIMEOUT_S = 900.0

Submit = Callable[[Workers, CompileRequest, Path], CompileAnswer]
"""A function that compiles by one or several worker tasks. Its arguments are the workers, a request and a log file."""


def compile_in_worker(workers: Workers, request: CompileRequest, log: Path) -> CompileAnswer:
    """Compiles with the function that the format's descriptor names. The artifact is written to the request's workdir.

    Args:
        workers: The workers that run the tasks.
        request: What to compile.
        log: The file to which everything that the converter prints is appended.

    Raises:
        WorkerError: The converter failed, crashed or took too long, or its environment is not set up.
    """
    request.workdir.mkdir(parents=True, exist_ok=True)
    by_steps = FORMATS[request.format].submit
    submit: Submit = resolve(by_steps) if by_steps else compile_once
    return submit(workers, request, log)


def compile_once(workers: Workers, request: CompileRequest, log: Path) -> CompileAnswer:
    """Compiles by the single task "compile". Raises as `compile_in_worker` does."""
    return workers.submit(
        COMPILE, request, kind=worker_kind(request.format), timeout_s=COMPILE_TIMEOUT_S, log=log
    ).result()
