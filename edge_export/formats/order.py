"""Order an artifact from a worker process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_export.formats.compiled import Compiled
from edge_export.mothers.io_json import io_from_json, io_to_json
from edge_export.mothers.protocol import IOSpec
from edge_export.workers import Pool

COMPILE_TIMEOUT_S = 900.0


def compile_in_worker(
    pool: Pool,
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

    Args:
        io: The member's inputs and outputs.
        workdir: A folder of its own, made if need be; the artifact lies in it afterwards.
        calibration: A safetensors file of real inputs of the member, for a precision that needs them.

    Raises:
        WorkerError: The converter failed, crashed or took too long.
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
    answer = pool.submit("compile", arguments, kind=format_name, timeout_s=COMPILE_TIMEOUT_S, log=log).result()
    own_io, notes = io_from_json(answer["io"]), tuple(answer["notes"])
    stages = {name: Path(path) for name, path in answer["stages"].items()}
    return Compiled(Path(answer["path"]), own_io, answer["tools"], notes, answer["seconds"], stages)
