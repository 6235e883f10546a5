"""Bisects a file whose values cannot be read, such as an ExecuTorch program, by compiling prefixes of its program.

A file may diverge because it was changed, or because lowering is wrong. If the whole program, lowered again, agrees,
the file was changed: the result names the weights that it lacks. Otherwise prefixes of the program, up to a node, are
compiled and run. A binary search finds the node, because everything computed from a diverging value diverges too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_export.bisect.cut import CUT, EXPECTED, Cut, CutAnswer, CutRequest
from edge_export.bisect.values import Bisection, Row, State
from edge_export.bisect.weights import CHANGED_WEIGHTS, ChangedWeightsRequest
from edge_export.files.arrays import load_arrays
from edge_export.formats import worker_kind
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
    """How a program is compiled, and the samples that its prefixes are run on.

    Attributes:
        format: The format of the file.
        program: The member's exported program.
        io: The program's inputs and outputs.
        samples: A safetensors file of the program's inputs, `(samples, …)` each.
        precision, options: Those that the file was compiled with.
        calibration: Inputs for a precision that needs calibration.
        snr_db: The minimum SNR in dB of outputs that agree.
        workdir: A folder for the files that are made.
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
    """Finds the first node whose lowering diverges in the file at `path`, or the weights that were changed in it.

    Args:
        report: Called with the name of each step that takes long.

    Raises:
        WorkerError: The program cannot be cut, or the whole program cannot be lowered.
    """
    search = Search(pool, lowering, log, report)
    whole = lowering.workdir / "whole"
    cuts = search.cut(None, whole).cuts
    shipped = search.run(path, lowering.io, whole)
    if search.agrees(shipped):
        return Bisection(what, False, (), note=f"SNR {shipped.snr_db:.1f} dB; values inside a delegate can't be read")
    report("compile again")
    fresh = search.lower(lowering.program, lowering.io, whole)
    lowered = search.run(fresh, lowering.io, whole)
    if search.agrees(lowered):
        return _changed(what, search.changed_weights(path, fresh))
    return first_divergence(search, what, cuts, lowered)


def first_divergence(search: Search, what: str, cuts: Sequence[Cut], whole: Agreement) -> Bisection:
    """Finds the first cut whose prefix diverges, by binary search. The whole program diverges: see `whole`."""
    rows = {len(cuts) - 1: search.row(cuts[-1], whole)} if cuts else {}
    agrees, diverges = -1, len(cuts) - 1
    while untried := [index for index in range(agrees + 1, diverges) if index not in rows]:
        middle = untried[len(untried) // 2]
        rows[middle] = search.probe(cuts[middle])
        if rows[middle].state == "agrees":
            agrees = middle
        elif rows[middle].state == "diverges":
            diverges = middle
    note = f"{len(rows)} prefixes of the program were compiled and run"
    if untested := [cuts[index].name for index in range(agrees + 1, diverges)]:
        note += f"; it may diverge earlier, at {', '.join(untested)}, whose prefixes can't be compiled"
    first = cuts[diverges].name if cuts else ""
    return Bisection(what, True, tuple(rows[index] for index in sorted(rows)), first, note=note)


def _changed(what: str, weights: Sequence[str]) -> Bisection:
    """Returns the result for a file that differs from what its program compiles to."""
    rows = tuple(Row("weights", name, name, name.rpartition(".")[0], None, None, "diverges") for name in weights)
    note = "compiled again, the program agrees: the file was changed"
    note += "" if weights else ", but no changed weights were found in it"
    return Bisection(what, True, rows, weights[0] if weights else "", note=note)


@dataclass(frozen=True)
class Search:
    """The steps of the search. Each submits worker tasks and waits for their answers."""

    pool: Pool
    lowering: Lowering
    log: Path
    report: Report

    def cut(self, after: str | None, folder: Path) -> CutAnswer:
        """Cuts the program after a node, into `folder`. None: lists the nodes after which it can be cut."""
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
        """Returns the names of the weights that the file at `path` lacks and the freshly compiled file holds."""
        request = ChangedWeightsRequest(program=self.lowering.program, io=self.lowering.io, path=path, fresh=fresh)
        answer = self.pool.submit(CHANGED_WEIGHTS, request, kind=KIND, timeout_s=TIMEOUT_S, log=self.log).result()
        return answer.changed

    def lower(self, program: Path, io: IOSpec, workdir: Path) -> Path:
        """Compiles a program with the options of the file, and returns the path of the result."""
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
        """Returns the agreement of the worst output of the file at `path` with EXPECTED in `folder`."""
        request = RunRequest(
            file=CompiledFile(
                format=self.lowering.format,
                backend=str(self.lowering.options.get("backend", "")),
                path=path,
                io=io,
                member_io=io,
            ),
            inputs=self.lowering.samples,
            outputs=folder / "outputs.safetensors",
        )
        self.pool.submit(
            RUN, request, kind=worker_kind(self.lowering.format), timeout_s=TIMEOUT_S, log=self.log
        ).result()
        expected, got = load_arrays(folder / EXPECTED), load_arrays(request.outputs)
        return min((agreement(expected[name], got[name]) for name in expected), key=lambda a: a.snr_db)

    def agrees(self, agreed: Agreement) -> bool:
        return agreed.max_abs is not None and agreed.snr_db >= self.lowering.snr_db

    def row(self, cut: Cut, agreed: Agreement) -> Row:
        state: State = "agrees" if self.agrees(agreed) else "diverges"
        return Row(cut.operator, cut.name, cut.name, cut.layer, agreed.snr_db, agreed.max_abs, state)

    def probe(self, cut: Cut) -> Row:
        """Compiles and runs the prefix up to a node. If it cannot be compiled, the row has no counterpart."""
        self.report(f"compile up to {cut.name}")
        folder = self.lowering.workdir / cut.name
        try:
            io = self.cut(cut.name, folder).io
            path = self.lower(folder / PROGRAM, io, folder)
        except (WorkerError, ValueError):  # a node's name may not be a legal name of an output
            return Row(cut.operator, cut.name, cut.name, cut.layer, None, None, "no counterpart")
        try:
            return self.row(cut, self.run(path, io, folder))
        except WorkerError:  # it crashes
            return Row(cut.operator, cut.name, cut.name, cut.layer, None, None, "diverges")
