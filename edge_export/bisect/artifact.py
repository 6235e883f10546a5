"""Ask worker processes to look inside a member's stages and its compiled files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from edge_export.bisect.executorch_prefixes import FORMAT as EXECUTORCH
from edge_export.bisect.executorch_prefixes import Lowering, Told, bisect_executorch
from edge_export.bisect.files import INSIDE
from edge_export.bisect.values import Bisection
from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compiled import Compiled
from edge_export.formats.program import CALIBRATION, PROGRAM
from edge_export.spec.io_json import io_to_json
from edge_export.spec.tolerance import Tolerance
from edge_export.verify.artifact import File
from edge_export.workers import Pool, WorkerError

TIMEOUT_S = 900.0
KIND = "bisect"
_BISECTION = TypeAdapter(Bisection)
SAMPLES = "samples.safetensors"
"""A few inputs of a member, beside its program."""


@dataclass(frozen=True)
class FileRequest:
    """A compiled file to look into, and how it was compiled."""

    label: str
    file: File
    precision: str
    options: Mapping[str, object]
    tolerance: Tolerance


def bisect_artifact(
    pool: Pool, asked: FileRequest, workdir: Path, log: Path, told: Told = lambda _: None
) -> list[Bisection]:
    """Look inside a file and, if it diverges, inside what the way to it passes through.

    Args:
        workdir: Where `bisect_member` left its files.
        told: Told what begins, where that takes long.
    """
    try:
        if asked.file.format == EXECUTORCH:
            return [_executorch(pool, asked, workdir, log, told)]
        found = _inside(pool, asked.label, asked.file, asked.tolerance, workdir, log)
        if not found.diverges:
            return [found]
        told("compile it again")
        return _passed_through(pool, asked, found, workdir, log)
    except WorkerError as error:
        return [Bisection(asked.label, None, (), note=f"it can't be looked into: {error}")]


def _executorch(pool: Pool, asked: FileRequest, workdir: Path, log: Path, told: Told) -> Bisection:
    lowering = Lowering(
        program=workdir / PROGRAM,
        io=asked.file.member_io,
        samples=workdir / SAMPLES,
        precision=asked.precision,
        options=dict(asked.options),
        calibration=_calibration(asked, workdir),
        snr_db=asked.tolerance.snr_db,
        workdir=workdir / asked.label,
    )
    return bisect_executorch(pool, asked.label, asked.file.path, lowering, log, told)


def _passed_through(pool: Pool, asked: FileRequest, found: Bisection, workdir: Path, log: Path) -> list[Bisection]:
    """Compile again: was the file changed, or does converting make it diverge, and where on the way?"""
    compiled = _compile(pool, asked, workdir, log)
    again = File(asked.file.format, compiled.path, compiled.io, asked.file.member_io)
    fresh = _inside(pool, asked.label, again, asked.tolerance, workdir, log)
    if not fresh.diverges:
        return [replace(found, note="compiled again, the program agrees: the file was changed")]
    stages = [
        _inside(pool, f"{asked.label} {name}", replace(again, format=name, path=path), asked.tolerance, workdir, log)
        for name, path in compiled.stages.items()
        if name in INSIDE
    ]
    return [*stages, found]


def _compile(pool: Pool, asked: FileRequest, workdir: Path, log: Path) -> Compiled:
    return compile_in_worker(
        pool,
        format_name=asked.file.format,
        precision=asked.precision,
        options=asked.options,
        program=workdir / PROGRAM,
        io=asked.file.member_io,
        workdir=workdir / asked.label,
        log=log,
        calibration=_calibration(asked, workdir),
    )


def _calibration(asked: FileRequest, workdir: Path) -> Path | None:
    return workdir / CALIBRATION if asked.precision == "int8" else None


def _inside(pool: Pool, what: str, file: File, tolerance: Tolerance, workdir: Path, log: Path) -> Bisection:
    args: dict[str, Any] = {
        "what": what,
        "format": file.format,
        "path": str(file.path.absolute()),
        "io": io_to_json(file.io),
        "member_io": io_to_json(file.member_io),
        "program": str((workdir / PROGRAM).absolute()),
        "samples": str((workdir / SAMPLES).absolute()),
        "snr_db": tolerance.snr_db,
    }
    answer = pool.submit("bisect_file", args, kind=KIND, timeout_s=TIMEOUT_S, log=log).result()
    return _BISECTION.validate_python(answer)
