"""Runs the cases of a shard in worker processes. A crash or a hang costs one case of one way."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pydantic import TypeAdapter

from benchmarks.operators.judge import CONVERT, JUDGE, ConvertRequest, Judged, JudgeRequest
from benchmarks.operators.prepare import FACTS, LIST, PREPARE, ListRequest, PrepareRequest, folder_of
from benchmarks.operators.prepare import OURS as PROGRAM
from benchmarks.operators.records import CHOICE, PACKAGE, Record, append, key_of, read
from benchmarks.operators.ways import OURS, WAYS
from edge_export.errors import one_line
from edge_export.files.atomic import whole_file
from edge_export.formats import FORMATS
from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compile_task import CompileRequest
from edge_export.formats.reasons import reason_of
from edge_export.spec.tensors import IOSpec
from edge_export.workers import Pool, WorkerError, Workers
from edge_export.workers.environments import interpreter
from edge_export.workers.task import Message, WorkerTask

ENTRY, KIND = "entry", "cases"
_AGAIN = ("crash", "memory")
"""What may have come from an earlier case in the same process: tried once more, in a new one."""
_SLOTS = 2
"""Tasks run one by one. But a pool of one slot keeps too few idle workers for three formats and litert-torch."""


@dataclass(frozen=True)
class Plan:
    """What to run.

    Attributes:
        formats: Names of formats.
        only: What the name of an entry must hold, a regular expression.
        shard: Which of how many shares of the entries, from 1 on.
        most: The most cases of an entry.
        limit_s: The seconds of each step.
        folder: Where lines and prepared cases are kept.
        keys: By way, what its lines must have to be of the code as it is.
    """

    formats: tuple[str, ...]
    only: str
    shard: tuple[int, int]
    most: int
    limit_s: float
    folder: Path
    keys: dict[str, str]

    @property
    def lines(self) -> Path:
        """The file that this shard adds to."""
        return self.folder / f"shard-{self.shard[0]}-of-{self.shard[1]}.jsonl"

    def ways(self, format_name: str) -> list[str]:
        """Returns ours and the plain converters of a format that are set up."""
        plain = [name for name, way in WAYS.items() if way.format == format_name]
        return [OURS, *(name for name in plain if not WAYS[name].environment or interpreter(WAYS[name].environment))]


class Limited:
    """Workers that give no task more than `limit_s` seconds."""

    def __init__(self, workers: Workers, limit_s: float) -> None:
        self.workers, self.limit_s, self.jobs = workers, limit_s, workers.jobs

    def submit[Request: Message, Answer](
        self, task: WorkerTask[Request, Answer], request: Request, *, kind: str, timeout_s: float, log: Path
    ) -> Future[Answer]:
        """Queues a task, as `Pool.submit` does."""
        return self.workers.submit(task, request, kind=kind, timeout_s=min(timeout_s, self.limit_s), log=log)

    def close(self) -> None:
        """Stops the workers."""
        self.workers.close()

    def __enter__(self) -> Limited:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def current_keys(most: int) -> dict[str, str]:
    """Returns the key that lines of each way, and of entries, must have to be of the code as it is."""
    keys = {
        name: key_of((*CHOICE, "benchmarks/contestants.py", PACKAGE[-1]), way.packages) for name, way in WAYS.items()
    }
    tools = sorted({package for way in WAYS.values() for package in way.packages})
    return {**keys, OURS: key_of((*CHOICE, *PACKAGE), tools), ENTRY: f"{key_of(CHOICE[:1], ['torch'])}-{most}"}


def run(plan: Plan, report: Callable[[str], None]) -> None:
    """Runs what has no line yet. Adds each line as soon as it is known."""
    done = {(r.case, r.format, r.way): r for r in read(plan.folder, plan.keys.values())}
    with Limited(Pool(_SLOTS, tasks="benchmarks.operators.tasks:TASKS"), plan.limit_s) as workers:
        entries = [name for name in _entries(workers, plan) if re.search(plan.only, name)]
        mine = entries[plan.shard[0] - 1 :: plan.shard[1]]
        for index, entry in enumerate(mine):
            known = done.get((entry, "", ENTRY))
            cases = _cases(known) if known else ()
            missing = [key for case in cases for key in _missing(plan, case, done)]
            if known and not missing:
                continue
            known = _prepared(workers, plan, entry)
            append(plan.lines, known)
            for case in _cases(known):
                for format_name, way in _missing(plan, case, done):
                    record = _tried(workers, plan, case, format_name, way)
                    append(plan.lines, record)
                shutil.rmtree(folder_of(plan.folder / "cases", case), ignore_errors=True)
            report(f"{index + 1}/{len(mine)} {entry}: {known.outcome} {one_line(known.reason, 80)}")


def _missing(plan: Plan, case: str, done: dict[tuple[str, str, str], Record]) -> Iterator[tuple[str, str]]:
    for format_name in plan.formats:
        for way in plan.ways(format_name):
            if (case, format_name, way) not in done:
                yield format_name, way


def _entries(workers: Workers, plan: Plan) -> list[str]:
    """Returns the names of all entries, which are kept, too: torch's lists take long to import."""
    path = plan.folder / f"entries-{plan.keys[ENTRY]}.json"
    if not path.exists():
        log = plan.folder / "logs" / "entries.log"
        names = workers.submit(LIST, ListRequest(), kind=KIND, timeout_s=plan.limit_s, log=log).result()
        with whole_file(path) as file:
            file.write(json.dumps(names).encode())
    entries: list[str] = json.loads(path.read_text())
    return entries


def _cases(record: Record) -> tuple[str, ...]:
    return tuple(record.reason.split("; ")) if record.outcome == "cases" else ()


def _prepared(workers: Workers, plan: Plan, entry: str) -> Record:
    folder = plan.folder / "cases"
    folder.mkdir(parents=True, exist_ok=True)
    request = PrepareRequest(entry=entry, most=plan.most, folder=folder)
    log = plan.folder / "logs" / f"{folder_of(Path(), entry)}.log"
    try:
        answer = workers.submit(PREPARE, request, kind=KIND, timeout_s=plan.limit_s, log=log).result()
    except WorkerError as error:
        return Record(entry, "", ENTRY, plan.keys[ENTRY], "left out", f"torch fails: {error}")
    if not answer.cases:
        return Record(entry, "", ENTRY, plan.keys[ENTRY], "left out", answer.left_out)
    return Record(entry, "", ENTRY, plan.keys[ENTRY], "cases", "; ".join(answer.cases))


def _tried(workers: Workers, plan: Plan, case: str, format_name: str, way: str) -> Record:
    """Converts a case in one way and judges the file."""
    start = time.perf_counter()
    try:
        judged = _once(workers, plan, case, format_name, way)
    except WorkerError as error:
        try:
            if error.reason not in _AGAIN:
                raise
            judged = _once(workers, plan, case, format_name, way)
        except WorkerError as again:
            judged = Judged(outcome="none", reason=reason_of(again))
    seconds = round(time.perf_counter() - start, 2)
    reason = one_line(judged.reason, 300)
    return Record(case, format_name, way, plan.keys[way], judged.outcome, reason, judged.snr_db, seconds)


def _once(workers: Workers, plan: Plan, case: str, format_name: str, way: str) -> Judged:
    folder = folder_of(plan.folder / "cases", case)
    log = plan.folder / "logs" / f"{folder.name}.log"
    log.unlink(missing_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    if way == OURS:
        facts = json.loads((folder / FACTS).read_text())
        if facts["failed"]:
            return Judged(outcome="none", reason=facts["failed"])
        return _ours(workers, plan, folder, TypeAdapter(IOSpec).validate_python(facts["io"]), format_name, log)
    file = folder / f"{re.sub(r'\W', '_', way)}{WAYS[way].suffix}"
    asked = ConvertRequest(case=folder, way=way, file=file)
    kind = WAYS[way].environment or format_name
    workers.submit(CONVERT, asked, kind=kind, timeout_s=plan.limit_s, log=log).result()
    return _judged(workers, plan, JudgeRequest(case=folder, format=format_name, file=file), log)


def _ours(workers: Workers, plan: Plan, folder: Path, io: IOSpec, format_name: str, log: Path) -> Judged:
    """Judges the file of the usual way or, as a build does, of the first other one that is right."""
    first: Judged | WorkerError | None = None
    for way in ("", *FORMATS[format_name].ways):
        request = CompileRequest(
            format=format_name,
            precision="fp32",
            program=folder / PROGRAM,
            io=io,
            workdir=folder / f"{format_name}{way}",
            options={"way": way} if way else {},
        )
        found: Judged | WorkerError
        try:
            compiled = compile_in_worker(workers, request, log)
            file = request.workdir / compiled.file
            found = _judged(
                workers, plan, JudgeRequest(case=folder, format=format_name, file=file, io=compiled.io), log
            )
        except WorkerError as error:
            found = error
        if isinstance(found, Judged) and found.outcome == "right":
            return found
        first = first or found
    if isinstance(first, Judged):
        return first
    assert first is not None
    raise first


def _judged(workers: Workers, plan: Plan, request: JudgeRequest, log: Path) -> Judged:
    kind = FORMATS[request.format].environment or request.format
    return workers.submit(JUDGE, request, kind=kind, timeout_s=plan.limit_s, log=log).result()
