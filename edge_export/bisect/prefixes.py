"""Bisect a file that shows nothing inside, such as an ExecuTorch program, by compiling beginnings of its program.

A file may be wrong because it was changed, or because lowering made it so. If the whole program, lowered again, agrees,
it was changed: the weights that it lacks are named. Else the beginning that ends with a node is compiled and run for
one node after another, by binary search: once a value diverges, what is read behind it diverges as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_export.bisect.cut import CUT, EXPECTED, Cut, CutAnswer, CutRequest
from edge_export.bisect.values import Bisection, Row, State
from edge_export.bisect.weights import CHANGED_WEIGHTS, ChangedWeightsRequest
from edge_export.files.arrays import load_arrays
from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compile_task import CompileRequest, Options
from edge_export.formats.program import PROGRAM
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.agreement import Agreement, agreement
from edge_export.spec.tensors import IOSpec
from edge_export.workers import Pool, WorkerError

KIND = "bisect"
TIMEOUT_S = 600.0
Report = Callable[[str], None]


@dataclass(frozen=True)
class Lowering:
    """How a program becomes a file, and what its beginnings are run on.

    Attributes:
        format: What it becomes.
        program: The member's exported program.
        io: Its inputs and outputs.
        samples: A safetensors file of its inputs, `(samples, …)` each.
        precision, options: As the file was compiled.
        calibration: Inputs for a precision that observes some.
        snr_db: The least SNR of what agrees.
        workdir: A folder for all that is made.
    """

    format: str
    program: Path
    io: IOSpec
    samples: Path
    precision: str
    options: Options
    calibration: Path | None
    snr_db: float
    workdir: Path


def bisect_by_prefixes(
    pool: Pool, what: str, path: Path, lowering: Lowering, log: Path, report: Report = lambda _: None
) -> Bisection:
    """Find the first node of the program in `path` whose lowering diverges, or the weights that were changed in it.

    Args:
        report: Told what begins, since lowering takes long.

    Raises:
        WorkerError: The program can't be cut, or not be lowered as a whole.
    """
    search = Search(pool, lowering, log, report)
    whole = lowering.workdir / "whole"
    cuts = search.cut(None, whole).cuts
    shipped = search.run(path, lowering.io, whole)
    if search.agrees(shipped):
        return Bisection(what, False, (), note=f"SNR {shipped.snr_db:.1f} dB; a delegate shows nothing inside")
    report("compile it again")
    fresh = search.lower(lowering.program, lowering.io, whole)
    lowered = search.run(fresh, lowering.io, whole)
    if search.agrees(lowered):
        return _changed(what, search.changed_weights(path, fresh))
    return first_divergence(search, what, cuts, lowered)


def first_divergence(search: Search, what: str, cuts: Sequence[Cut], whole: Agreement) -> Bisection:
    """Binary search between what agrees, nothing, and what diverges, the whole."""
    rows = {len(cuts) - 1: search.row(cuts[-1], whole)} if cuts else {}
    agrees, diverges = -1, len(cuts) - 1
    while untried := [index for index in range(agrees + 1, diverges) if index not in rows]:
        middle = untried[len(untried) // 2]
        rows[middle] = search.probe(cuts[middle])
        if rows[middle].state == "agrees":
            agrees = middle
        elif rows[middle].state == "diverges":
            diverges = middle
    note = f"{len(rows)} beginnings of the program were compiled and run"
    if alone := [cuts[index].name for index in range(agrees + 1, diverges)]:
        note += f"; or first at {', '.join(alone)}, after which it can't be cut and compiled"
    first = cuts[diverges].name if cuts else ""
    return Bisection(what, True, tuple(rows[index] for index in sorted(rows)), first, note=note)


def _changed(what: str, weights: Sequence[str]) -> Bisection:
    """What is said of a file that is not what its program is compiled to."""
    rows = tuple(Row("weights", name, name, name.rpartition(".")[0], None, None, "diverges") for name in weights)
    note = "compiled again, the program agrees: the file was changed"
    note += "" if weights else ", but no weights that can be found in it"
    return Bisection(what, True, rows, weights[0] if weights else "", note=note)


@dataclass(frozen=True)
class Search:
    """What the workers are asked for."""

    pool: Pool
    lowering: Lowering
    log: Path
    report: Report

    def cut(self, after: str | None, folder: Path) -> CutAnswer:
        """Cut the program after a node, into `folder`; None: find out where it can be cut."""
        folder.mkdir(parents=True, exist_ok=True)
        request = CutRequest(
            program=self.lowering.program,
            io=self.lowering.io,
            samples=self.lowering.samples,
            after=after,
            workdir=folder,
        )
        return self.pool.submit(CUT, request, kind=KIND, timeout_s=TIMEOUT_S, log=self.log).result()

    def changed_weights(self, path: Path, fresh: Path) -> tuple[str, ...]:
        """The weights that the file at `path` lacks and a fresh one holds."""
        request = ChangedWeightsRequest(program=self.lowering.program, io=self.lowering.io, path=path, fresh=fresh)
        answer = self.pool.submit(CHANGED_WEIGHTS, request, kind=KIND, timeout_s=TIMEOUT_S, log=self.log).result()
        return answer.changed

    def lower(self, program: Path, io: IOSpec, workdir: Path) -> Path:
        """Compile as the file was compiled."""
        request = CompileRequest(
            format=self.lowering.format,
            precision=self.lowering.precision,
            options=self.lowering.options,
            program=program,
            io=io,
            calibration=self.lowering.calibration,
            workdir=workdir,
        )
        return workdir / compile_in_worker(self.pool, request, self.log).file

    def run(self, path: Path, io: IOSpec, folder: Path) -> Agreement:
        """How the worst output of the file at `path` agrees with those that are expected in `folder`."""
        request = RunRequest(
            file=CompiledFile(format=self.lowering.format, path=path, io=io, member_io=io),
            inputs=self.lowering.samples,
            outputs=folder / "outputs.safetensors",
        )
        self.pool.submit(RUN, request, kind=self.lowering.format, timeout_s=TIMEOUT_S, log=self.log).result()
        expected, got = load_arrays(folder / EXPECTED), load_arrays(request.outputs)
        return min((agreement(expected[name], got[name]) for name in expected), key=lambda a: a.snr_db)

    def agrees(self, agreed: Agreement) -> bool:
        return agreed.max_abs is not None and agreed.snr_db >= self.lowering.snr_db

    def row(self, cut: Cut, agreed: Agreement) -> Row:
        state: State = "agrees" if self.agrees(agreed) else "diverges"
        return Row(cut.operator, cut.name, cut.name, cut.layer, agreed.snr_db, agreed.max_abs, state)

    def probe(self, cut: Cut) -> Row:
        """Compile and run the program up to a node; it has no counterpart where that can't be compiled by itself."""
        self.report(f"compile up to {cut.name}")
        folder = self.lowering.workdir / cut.name
        try:
            io = self.cut(cut.name, folder).io
            path = self.lower(folder / PROGRAM, io, folder)
        except (WorkerError, ValueError):  # a node's name may be none that an output can have
            return Row(cut.operator, cut.name, cut.name, cut.layer, None, None, "no counterpart")
        try:
            return self.row(cut, self.run(path, io, folder))
        except WorkerError:  # it crashes
            return Row(cut.operator, cut.name, cut.name, cut.layer, None, None, "diverges")
