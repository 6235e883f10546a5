"""What was found, as lines of JSON: one for each entry that has no case, and one for each case, format and way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

OUTCOMES = ("right", "wrong", "none", "not run")
"""A right file, a wrong one, no file, and one with operators that nothing here knows."""
ROOT = Path(__file__).parents[2]
CHOICE = ("benchmarks/operators/chosen.py", "benchmarks/operators/judge.py")
PACKAGE = ("edge_export/baking", "edge_export/formats", "edge_export/members", "edge_export/runtimes")


@dataclass(frozen=True)
class Record:
    """One line.

    Attributes:
        case: A case; of an entry that has none, the entry.
        key: Of the code and the packages that decide the outcome.
        outcome: One of `OUTCOMES`; "left out" for an entry; "cases" for one that has some, with their names as reason.
        reason: Why it is not right.
        seconds: For converting, running and comparing.
    """

    case: str
    format: str
    way: str
    key: str
    outcome: str
    reason: str = ""
    snr_db: float | None = None
    seconds: float = 0.0


def read(folder: Path, keys: Iterable[str]) -> list[Record]:
    """Returns the lines of all files in `folder` that have one of `keys`. A line cut off by a kill is left out."""
    known, found = set(keys), {}
    for path in sorted(folder.glob("*.jsonl")):
        for record in filter(None, map(_record, path.read_text().splitlines())):
            if record.key in known:
                found[record.case, record.format, record.way] = record
    return list(found.values())


def append(path: Path, record: Record) -> None:
    """Adds a line to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(asdict(record)) + "\n")


def key_of(sources: Iterable[str], packages: Iterable[str]) -> str:
    """Returns the digest of some code of the repository and of the versions of some packages."""
    digest = hashlib.sha256(repr([(name, metadata.version(name)) for name in packages]).encode())
    for path in _files(sources):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _files(sources: Iterable[str]) -> Iterator[Path]:
    for source in sources:
        path = ROOT / source
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def _record(line: str) -> Record | None:
    try:
        return Record(**json.loads(line))
    except (ValueError, TypeError):
        return None
