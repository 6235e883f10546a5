"""Bisect an ExecuTorch program, whose delegates show nothing inside, by lowering beginnings of the exported program.

A file may be wrong because it was changed, or because lowering made it so. If the whole program, lowered again, agrees,
it was changed: the weights that it lacks are named. Else the beginning that ends with a node is lowered and run for
one node after another, by binary search: once a value diverges, what is read behind it diverges as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_export.bisect.cut import EXPECTED
from edge_export.bisect.values import Bisection, Row, State
from edge_export.files.arrays import load_arrays
from edge_export.formats.compile import compile_in_worker
from edge_export.formats.program import PROGRAM
from edge_export.spec.agreement import Agreement, agreement
from edge_export.spec.io_json import io_from_json, io_to_json
from edge_export.spec.tensors import IOSpec
from edge_export.workers import Pool, WorkerError

FORMAT = "executorch"
KIND = "bisect"
TIMEOUT_S = 600.0
Told = Callable[[str], None]


@dataclass(frozen=True)
class Lowering:
    """How a program becomes a file, and what its beginnings are run on.

    Attributes:
        program: The member's exported program.
        io: Its inputs and outputs.
        samples: A safetensors file of its inputs, `(samples, …)` each.
        precision, options: As the file was compiled.
        calibration: Inputs for a precision that observes some.
        snr_db: The least SNR of what agrees.
        workdir: A folder for all that is made.
    """

    program: Path
    io: IOSpec
    samples: Path
    precision: str
    options: dict[str, object]
    calibration: Path | None
    snr_db: float
    workdir: Path


def bisect_executorch(
    pool: Pool, what: str, path: Path, lowering: Lowering, log: Path, told: Told = lambda _: None
) -> Bisection:
    """Find the first node of the program in `path` whose lowering diverges, or the weights that were changed in it.

    Args:
        told: Told what begins, since lowering takes long.

    Raises:
        WorkerError: The program can't be cut, or not be lowered as a whole.
    """
    search = Search(pool, lowering, log, told)
    whole = lowering.workdir / "whole"
    cuts = search.ask("bisect_cut", {"after": None, "workdir": search.folder(whole)})["cuts"]
    shipped = search.run(path, lowering.io, whole)
    if search.agrees(shipped):
        return Bisection(what, False, (), note=f"SNR {shipped.snr_db:.1f} dB; a delegate shows nothing inside")
    told("lower it again")
    fresh = search.lower(lowering.program, lowering.io, whole)
    lowered = search.run(fresh, lowering.io, whole)
    if search.agrees(lowered):
        return _changed(what, search.ask("bisect_weights", {"path": str(path.absolute()), "fresh": str(fresh)}))
    return first_divergence(search, what, cuts, lowered)


def first_divergence(search: Search, what: str, cuts: list[dict[str, str]], whole: Agreement) -> Bisection:
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
    note = f"{len(rows)} beginnings of the program were lowered and run"
    if alone := [cuts[index]["name"] for index in range(agrees + 1, diverges)]:
        note += f"; or first at {', '.join(alone)}, after which it can't be cut and lowered"
    first = cuts[diverges]["name"] if cuts else ""
    return Bisection(what, True, tuple(rows[index] for index in sorted(rows)), first, note=note)


def _changed(what: str, answer: dict[str, Any]) -> Bisection:
    """What is said of a file that is not what its program is lowered to."""
    weights = answer["changed"]
    rows = tuple(Row("weights", name, name, name.rpartition(".")[0], None, None, "diverges") for name in weights)
    note = "lowered again, the program agrees: the file was changed"
    note += "" if weights else ", but no weights that can be found in it"
    return Bisection(what, True, rows, weights[0] if weights else "", note=note)


@dataclass(frozen=True)
class Search:
    """What the workers are asked for."""

    pool: Pool
    lowering: Lowering
    log: Path
    told: Told

    def folder(self, path: Path) -> str:
        path.mkdir(parents=True, exist_ok=True)
        return str(path.absolute())

    def ask(self, task: str, args: dict[str, Any]) -> dict[str, Any]:
        given = {
            "program": str(self.lowering.program.absolute()),
            "member_io": io_to_json(self.lowering.io),
            "samples": str(self.lowering.samples.absolute()),
        }
        return self.pool.submit(task, given | args, kind=KIND, timeout_s=TIMEOUT_S, log=self.log).result()

    def lower(self, program: Path, io: IOSpec, workdir: Path) -> Path:
        """Compile as the file was compiled."""
        compiled = compile_in_worker(
            self.pool,
            format_name=FORMAT,
            precision=self.lowering.precision,
            options=self.lowering.options,
            program=program,
            io=io,
            workdir=workdir,
            log=self.log,
            calibration=self.lowering.calibration,
        )
        return compiled.path

    def run(self, path: Path, io: IOSpec, folder: Path) -> Agreement:
        """How the worst output of the file at `path` agrees with those that are expected in `folder`."""
        outputs = folder / "outputs.safetensors"
        args = {
            "format": FORMAT,
            "path": str(path.absolute()),
            "io": io_to_json(io),
            "member_io": io_to_json(io),
            "inputs": str(self.lowering.samples.absolute()),
            "outputs": str(outputs.absolute()),
        }
        self.pool.submit("run", args, kind=FORMAT, timeout_s=TIMEOUT_S, log=self.log).result()
        expected, got = load_arrays(folder / EXPECTED), load_arrays(outputs)
        return min((agreement(expected[name], got[name]) for name in expected), key=lambda a: a.snr_db)

    def agrees(self, agreed: Agreement) -> bool:
        return agreed.max_abs is not None and agreed.snr_db >= self.lowering.snr_db

    def row(self, cut: dict[str, str], agreed: Agreement) -> Row:
        state: State = "agrees" if self.agrees(agreed) else "diverges"
        return Row(cut["operator"], cut["name"], cut["name"], cut["layer"], agreed.snr_db, agreed.max_abs, state)

    def probe(self, cut: dict[str, str]) -> Row:
        """Lower and run the program up to a node; it has no counterpart where that can't be lowered by itself."""
        self.told(f"lower up to {cut['name']}")
        folder = self.lowering.workdir / cut["name"]
        try:
            answer = self.ask("bisect_cut", {"after": cut["name"], "workdir": self.folder(folder)})
            io = io_from_json(answer["io"])
            path = self.lower(folder / PROGRAM, io, folder)
        except WorkerError:
            return Row(cut["operator"], cut["name"], cut["name"], cut["layer"], None, None, "no counterpart")
        try:
            return self.row(cut, self.run(path, io, folder))
        except WorkerError:  # it crashes
            return Row(cut["operator"], cut["name"], cut["name"], cut["layer"], None, None, "diverges")
