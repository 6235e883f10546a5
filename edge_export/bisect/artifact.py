"""Bisects a compiled file in worker processes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from edge_export.bisect.files import BISECT_FILE, BisectFileRequest
from edge_export.bisect.prefixes import Lowering, Report, bisect_by_prefixes
from edge_export.bisect.values import Bisection
from edge_export.files.arrays import load_arrays, save_arrays
from edge_export.files.owned import scratch_folder
from edge_export.formats import format_named, worker_kind
from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compile_task import CompileAnswer, CompileRequest, Options
from edge_export.formats.program import CALIBRATION, PROGRAM
from edge_export.runtimes.run import CompiledFile
from edge_export.spec.tolerance import Tolerance
from edge_export.verify.compare import match_file
from edge_export.workers import EXPORTER, Pool, WorkerError

TIMEOUT_S = 900.0
KIND = "bisect"
SAMPLES = "samples.safetensors"
"""A file with a few inputs of a member, in the folder of its program."""
MAX_SAMPLES = 4


@dataclass(frozen=True)
class Subject:
    """A compiled file to bisect, and the options that it was compiled with."""

    label: str
    file: CompiledFile
    precision: str
    options: Options
    tolerance: Tolerance


def bisect_artifact(
    pool: Pool, subject: Subject, workdir: Path, log: Path, report: Report = lambda _: None
) -> list[Bisection]:
    """Bisects a file and, if it diverges, the intermediate files of its conversion.

    Args:
        workdir: Holds PROGRAM, which the file was made from, SAMPLES and, for int8, CALIBRATION.
        report: Called with the name of each step that takes long.
    """
    try:
        if not format_named(subject.file.format).look_inside_of(subject.file.backend):
            return [_by_prefixes(pool, subject, workdir, log, report)]
        found = _inside(pool, subject.label, subject.file, subject.tolerance, workdir, log)
        if not found.diverges:
            return [found]
        report("compile again")
        return _passed_through(pool, subject, found, workdir, log)
    except WorkerError as error:
        return [Bisection(subject.label, None, (), note=f"it can't be examined: {error}")]


def bisect_alone(
    path: Path, against: str, inputs: Path, tolerance: Tolerance, log: Path, report: Report = lambda _: None
) -> list[Bisection]:
    """Bisects the file at `path`, without a bundle, relative to a PyTorch module.

    If it has to be compiled again, that is done in float32.

    Args:
        against: "package.module:factory"; the factory returns the module.
        inputs: A safetensors file: an array `(count, …)` for each parameter of the module's forward. The first
            `MAX_SAMPLES` samples are used.

    Raises:
        RequestError: The factory fails, the inputs do not fit the module, or the file cannot be read.
    """
    with scratch_folder() as scratch, Pool(1, shared=EXPORTER) as pool:
        matched = match_file(pool, path, against, inputs, scratch, log, export=True)
        samples = load_arrays(inputs)
        save_arrays(scratch / SAMPLES, {name: array[:MAX_SAMPLES] for name, array in samples.items()})
        subject = Subject(path.name, matched.file, "fp32", {}, tolerance)
        return bisect_artifact(pool, subject, scratch, log, report)


def _by_prefixes(pool: Pool, subject: Subject, workdir: Path, log: Path, report: Report) -> Bisection:
    lowering = Lowering(
        format=subject.file.format,
        program=workdir / PROGRAM,
        io=subject.file.member_io,
        samples=workdir / SAMPLES,
        precision=subject.precision,
        options=subject.options,
        calibration=_calibration(subject, workdir),
        snr_db=subject.tolerance.snr_db,
        workdir=workdir / subject.label,
    )
    return bisect_by_prefixes(pool, subject.label, subject.file.path, lowering, log, report)


def _passed_through(pool: Pool, subject: Subject, found: Bisection, workdir: Path, log: Path) -> list[Bisection]:
    """Compiles again to decide whether the file was changed or the conversion diverges, and in which step.

    Returns:
        The results of the intermediate files, then that of the file.
    """
    folder = workdir / subject.label
    compiled = _compile(pool, subject, workdir, folder, log)
    again = subject.file.model_copy(update={"path": folder / compiled.file, "io": compiled.io})
    fresh = _inside(pool, subject.label, again, subject.tolerance, workdir, log)
    if not fresh.diverges:
        return [replace(found, note="compiled again, the program agrees: the file was changed")]
    stages = [
        _inside(
            pool,
            f"{subject.label} {name}",
            again.model_copy(update={"format": name, "path": folder / file}),
            subject.tolerance,
            workdir,
            log,
        )
        for name, file in compiled.stages.items()
        if format_named(name).look_inside
    ]
    return [*stages, found]


def _compile(pool: Pool, subject: Subject, workdir: Path, folder: Path, log: Path) -> CompileAnswer:
    request = CompileRequest(
        format=subject.file.format,
        precision=subject.precision,
        options=subject.options,
        program=workdir / PROGRAM,
        io=subject.file.member_io,
        calibration=_calibration(subject, workdir),
        workdir=folder,
    )
    return compile_in_worker(pool, request, log)


def _calibration(subject: Subject, workdir: Path) -> Path | None:
    return workdir / CALIBRATION if subject.precision == "int8" else None


def _inside(pool: Pool, what: str, file: CompiledFile, tolerance: Tolerance, workdir: Path, log: Path) -> Bisection:
    request = BisectFileRequest(
        what=what, file=file, program=workdir / PROGRAM, samples=workdir / SAMPLES, snr_db=tolerance.snr_db
    )
    return pool.submit(BISECT_FILE, request, kind=worker_kind(file.format, KIND), timeout_s=TIMEOUT_S, log=log).result()
