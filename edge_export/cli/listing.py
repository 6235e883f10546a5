"""`list`: the names that other verbs take, one line each, and which of them work here."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

HELP = "list the mothers, tasks, targets, formats, precisions and runtimes that are known"
INTERRUPTED = "nothing was changed"
EXAMPLE = """\
examples:
  edge_export list
  edge_export list mothers
  edge_export list runtimes --json

A runtime is here if it is installed; `edge_export doctor` tries each for real.
"""

PRECISIONS = {
    "fp32": "float32 weights and activations, as the mother has them",
    "fp16": "float16 weights; activations too where the format has it so",
    "int8": "8-bit weights, in some schemes activations too; the task's metric must hold",
}


@dataclass(frozen=True)
class Entry:
    """One name.

    Attributes:
        here: Whether it works on this machine; None where that is no question.
        why_not: What is missing, or empty.
        facts: What else a table shows, by its column.
    """

    name: str
    description: str
    here: bool | None = None
    why_not: str = ""
    facts: dict[str, list[str]] = field(default_factory=dict)


def mothers() -> list[Entry]:
    from edge_export.mothers.catalog import CATALOG

    return [Entry(name, entry.description) for name, entry in CATALOG.items()]


def tasks() -> list[Entry]:
    from edge_export.tasks import TASKS

    return [Entry(name, task.description, facts={"metric": [task.metric.name]}) for name, task in TASKS.items()]


def targets() -> list[Entry]:
    """The shipped targets; the first line of each file says what it is."""
    from edge_export.pipeline.target import FOLDER, read_target, target_names

    entries = []
    for name in target_names():
        with (FOLDER / f"{name}.toml").open(encoding="utf-8") as stream:
            description = stream.readline().strip("#. \n")
        target = read_target(name)
        facts = {"mother": [target.mother], "members": target.members.split(",")}
        entries.append(Entry(name, description, facts=facts | {"artifacts": [a.label for a in target.artifacts]}))
    return entries


def formats() -> list[Entry]:
    from edge_export.formats import FORMATS
    from edge_export.formats.installed import why_not_installed

    entries = []
    for name, known in FORMATS.items():
        why_not = why_not_installed(name) or ""
        facts = {"files": [known.suffix], "backends": list(known.backends), "precisions": list(known.precisions)}
        entries.append(Entry(name, known.description, not why_not, why_not, facts))
    return entries


def precisions() -> list[Entry]:
    from edge_export.formats import FORMATS

    names = dict.fromkeys(name for known in FORMATS.values() for name in known.precisions)
    return [
        Entry(
            name,
            PRECISIONS.get(name, ""),
            facts={"formats": [f for f, known in FORMATS.items() if name in known.precisions]},
        )
        for name in names
    ]


def runtimes() -> list[Entry]:
    from edge_export.formats import FORMATS
    from edge_export.runtimes import why_unavailable

    entries = []
    for format_name, known in FORMATS.items():
        for runtime in known.runtimes:
            why_not = why_unavailable(runtime) or ""
            description = f"runs {format_name} files" + (f"; {runtime.proves}" if runtime.proves else "")
            entries.append(Entry(runtime.name, description, not why_not, why_not, {"format": [format_name]}))
    return entries


KINDS: dict[str, Callable[[], list[Entry]]] = {
    "mothers": mothers,
    "tasks": tasks,
    "targets": targets,
    "formats": formats,
    "precisions": precisions,
    "runtimes": runtimes,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", choices=tuple(KINDS), metavar="WHAT", help=f"{', '.join(KINDS)}; else all")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.cli import tables

    found = {kind: entries() for kind, entries in KINDS.items() if args.kind in (None, kind)}
    if args.json:
        print(json.dumps({kind: [_as_json(entry) for entry in entries] for kind, entries in found.items()}))
        return 0
    console = tables.console()
    for index, (kind, entries) in enumerate(found.items()):
        if index:
            console.print()
        print_entries(console, kind, entries)
    return 0


def _as_json(entry: Entry) -> dict[str, object]:
    about: dict[str, object] = {"name": entry.name, "description": entry.description}
    if entry.here is not None:
        about |= {"here": entry.here, "why_not": entry.why_not}
    return about | entry.facts


def print_entries(console: Console, kind: str, entries: list[Entry]) -> None:
    """One row per name, then what is missing for those that don't work here."""
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    facts = list(entries[0].facts)
    here = [Column("here")] if entries[0].here is not None else []
    columns = (
        Column("name"),
        *here,
        *(Column(fact, leaves=index) for index, fact in enumerate(facts, 1)),
        Column("what it is", wraps=True),
    )
    rows = tuple(
        (
            tables.plain(entry.name),
            *(["[green]yes[/green]" if entry.here else "[yellow]no[/yellow]"] if here else []),
            *(tables.plain(", ".join(entry.facts[fact])) for fact in facts),
            tables.plain(entry.description),
        )
        for entry in entries
    )
    print_fitted(console, FittedTable(kind, columns, (rows,)))
    for entry in entries:
        if entry.why_not:
            console.print(tables.plain(f"{entry.name}: {entry.why_not}"))
