"""Order an artifact from a worker process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_export.formats.compiled import Compiled
from edge_export.formats.tflite.tensorflow_route import BY_TENSORFLOW, CONVERTED, ENVIRONMENT, ONNX, NotConverted
from edge_export.spec.io_json import io_from_json, io_to_json
from edge_export.spec.tensors import IOSpec
from edge_export.workers import WorkerError, Workers
from edge_export.workers.environments import why_missing

COMPILE_TIMEOUT_S = 900.0
TENSORFLOW_TIMEOUT_S = 2700.0  # it takes ten times as long as the direct route


def compile_in_worker(
    pool: Workers,
    *,
    format_name: str,
    precision: str,
    options: Mapping[str, object],
    program: Path,
    io: IOSpec,
    workdir: Path,
    log: Path,
    calibration: Path | None = None,
) -> Compiled:
    """Compile the exported program at `program` in a worker that may crash, hang and print.

    A `.tflite` file whose `route` the options leave open is converted by TensorFlow where the direct route knows no way
    and the environment is set up; its notes say so then.

    Args:
        io: The member's inputs and outputs.
        workdir: A folder of its own, made if need be; the artifact lies in it afterwards.
        calibration: A safetensors file of real inputs of the member, for a precision that needs them.

    Raises:
        WorkerError: The converter failed, crashed or took too long, or its environment is not set up.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    arguments = {
        "format": format_name,
        "precision": precision,
        "options": dict(options),
        "program": str(program.absolute()),
        "io": io_to_json(io),
        "workdir": str(workdir.absolute()),
        "calibration": None if calibration is None else str(calibration.absolute()),
    }
    if options.get("route") == BY_TENSORFLOW:
        return _by_tensorflow(pool, arguments, log)
    try:
        return _compile(pool, arguments, log)
    except WorkerError as error:
        may_help = error.reason == "crash" or error.raised == NotConverted.__name__
        if format_name != "tflite" or "route" in options or not may_help or why_missing(ENVIRONMENT):
            raise
        direct = error
    try:
        compiled = _by_tensorflow(pool, arguments | {"options": {**options, "route": BY_TENSORFLOW}}, log)
    except WorkerError as error:
        raise WorkerError(f"{direct}; and by TensorFlow: {error}", error.reason, error.tail) from error
    return replace(compiled, notes=(f"the direct route failed ({direct}): converted by TensorFlow", *compiled.notes))


def _compile(pool: Workers, arguments: dict[str, Any], log: Path) -> Compiled:
    kind = arguments["format"]
    answer = pool.submit("compile", arguments, kind=kind, timeout_s=COMPILE_TIMEOUT_S, log=log).result()
    own_io, notes = io_from_json(answer["io"]), tuple(answer["notes"])
    stages = {name: Path(path) for name, path in answer["stages"].items()}
    return Compiled(Path(answer["path"]), own_io, answer["tools"], notes, answer["seconds"], stages)


def _by_tensorflow(pool: Workers, arguments: dict[str, Any], log: Path) -> Compiled:
    """The three steps of `tflite_tensorflow.py`."""
    if reason := why_missing(ENVIRONMENT):
        raise WorkerError(f"route={BY_TENSORFLOW}: the environment {ENVIRONMENT} is {reason}", "environment")

    def step(task: str, kind: str, timeout_s: float) -> dict[str, Any]:
        return pool.submit(task, arguments, kind=kind, timeout_s=timeout_s, log=log).result()

    try:
        written = step("write_onnx", arguments["format"], COMPILE_TIMEOUT_S)
        converted = step("convert_onnx", ENVIRONMENT, TENSORFLOW_TIMEOUT_S)
        compiled = _compile(pool, arguments, log)
    finally:
        for name in (ONNX, CONVERTED):
            (Path(arguments["workdir"]) / name).unlink(missing_ok=True)
    seconds = written["seconds"] + converted["seconds"] + compiled.seconds
    return replace(compiled, tools={**compiled.tools, **converted["tools"]}, seconds=seconds)
