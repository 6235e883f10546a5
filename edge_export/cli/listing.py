"""`list`: shows the names that other verbs accept, one line each, and which of them work on this machine."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

HELP = "list the known mothers, tasks, targets, formats, precisions and runtimes"
INTERRUPTED = "nothing was changed"
EXAMPLE = """\
examples:
  edge_export list
  edge_export list mothers
  edge_export list runtimes --json

The column "here" says whether a runtime is installed. `edge_export doctor`
runs each of them.
"""

PRECISIONS = {
    "fp32": "float32 weights and activations, as the mother has them",
    "fp16": "float16 weights; in some formats also float16 activations",
    "int8": "8-bit weights, in some schemes also 8-bit activations; judged by the task's metric",
}


@dataclass(frozen=True)
class Entry:
    """One name.

    Attributes:
        here: Whether it works on this machine. None: it needs nothing that could be missing.
        why_not: What is missing. Empty: nothing.
        facts: The values of further columns, by column.
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
    """Returns the shipped targets. The first line of each file is the description."""
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
        for runtime in known.every_runtime:
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
    """Prints one row per name, then what is missing for those that do not work on this machine."""
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    facts = list(entries[0].facts)
    here = [Column("here")] if entries[0].here is not None else []
    columns = (
        Column("name"),
        *here,
        *(Column(fact, drop=index) for index, fact in enumerate(facts, 1)),
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
