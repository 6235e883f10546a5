"""The routes to a `.tflite` file: direct, or by TensorFlow if the direct one fails and the options allow it.

By litert-torch only if the options name it, as a build does where no other way made a right file.
"""

from __future__ import annotations

from pathlib import Path

from edge_export.formats.compile import COMPILE_TIMEOUT_S, compile_once
from edge_export.formats.compile_task import CompileAnswer, CompileRequest
from edge_export.formats.tflite import BY_LITERT_TORCH, BY_TENSORFLOW, ENVIRONMENT, LITERT_TORCH
from edge_export.formats.tflite.converted import CONVERTED, NotConverted
from edge_export.formats.tflite.litert_torch_route import CONVERT_PROGRAM
from edge_export.formats.tflite.tensorflow_route import CONVERT_ONNX, ONNX, WRITE_ONNX
from edge_export.workers import WorkerError, Workers
from edge_export.workers.environments import why_missing

TENSORFLOW_TIMEOUT_S = 2700.0  # it takes ten times as long as the direct route


def compile_by_routes(workers: Workers, request: CompileRequest, log: Path) -> CompileAnswer:
    """Compiles by the route that the options name. Without that option, directly, and by TensorFlow if that fails.

    If TensorFlow made the file because the direct route failed, a note reports it.

    Raises:
        WorkerError: No route made a file, or the options name one whose environment is not set up.
    """
    if request.options.get("route") == BY_LITERT_TORCH:
        return _by_litert_torch(workers, request, log)
    if request.options.get("route") == BY_TENSORFLOW:
        return _by_tensorflow(workers, request, log)
    try:
        return compile_once(workers, request, log)
    except WorkerError as error:
        may_help = error.reason == "crash" or error.raised == NotConverted.__name__
        if "route" in request.options or not may_help or why_missing(ENVIRONMENT):
            raise
        direct = error
    try:
        options = {**request.options, "route": BY_TENSORFLOW}
        compiled = _by_tensorflow(workers, request.model_copy(update={"options": options}), log)
    except WorkerError as error:
        told = f"{direct}; and by TensorFlow: {error}"
        failed = WorkerError(told, error.reason, error.tail)
        failed.tried = (ENVIRONMENT,)
        raise failed from error
    note = f"the direct route failed ({direct}): converted by TensorFlow"
    return compiled.model_copy(update={"notes": (note, *compiled.notes)})


def _by_tensorflow(workers: Workers, request: CompileRequest, log: Path) -> CompileAnswer:
    """Compiles by the three tasks of `tensorflow_route.py`."""
    _require(ENVIRONMENT, BY_TENSORFLOW)
    try:
        written = workers.submit(
            WRITE_ONNX, request, kind=request.format, timeout_s=COMPILE_TIMEOUT_S, log=log
        ).result()
        converted = workers.submit(
            CONVERT_ONNX, request, kind=ENVIRONMENT, timeout_s=TENSORFLOW_TIMEOUT_S, log=log
        ).result()
        compiled = compile_once(workers, request, log)
    finally:
        for name in (ONNX, CONVERTED):
            (request.workdir / name).unlink(missing_ok=True)
    seconds = written.seconds + converted.seconds + compiled.seconds
    return compiled.model_copy(update={"tools": {**compiled.tools, **converted.tools}, "seconds": seconds})


def _by_litert_torch(workers: Workers, request: CompileRequest, log: Path) -> CompileAnswer:
    """Compiles by the two tasks of `litert_torch_route.py`."""
    _require(LITERT_TORCH, BY_LITERT_TORCH)
    try:
        converted = workers.submit(
            CONVERT_PROGRAM, request, kind=LITERT_TORCH, timeout_s=COMPILE_TIMEOUT_S, log=log
        ).result()
        compiled = compile_once(workers, request, log)
    finally:
        (request.workdir / CONVERTED).unlink(missing_ok=True)
    seconds = converted.seconds + compiled.seconds
    return compiled.model_copy(update={"tools": {**compiled.tools, **converted.tools}, "seconds": seconds})


def _require(environment: str, route: str) -> None:
    """Raises WorkerError if an environment is not set up."""
    if reason := why_missing(environment):
        raise WorkerError(f"route={route}: the environment {environment} is {reason}", "environment")
