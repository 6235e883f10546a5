"""`doctor`: what works on this machine, and how to mend the rest; it also sets up isolated environments."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

HELP = "try every converter and runtime on this machine, and say how to mend what fails"
EXAMPLE = """\
examples:
  python -m edge_export doctor
  python -m edge_export doctor --json
  python -m edge_export doctor --setup tensorflow
"""

WORDS = {True: "[green]works[/green]", False: "[bold red]broken[/bold red]", None: "[yellow]not here[/yellow]"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--setup", metavar="NAME", help="set up an isolated environment instead: tensorflow (2.2 GB)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    return _check(args.json) if args.setup is None else _set_up(args.setup, args.json)


def _set_up(name: str, as_json: bool) -> int:
    from edge_export.workers.environment_setup import set_up

    started = time.monotonic()
    with _progress() as told:
        python = set_up(name, told)
    seconds = time.monotonic() - started
    if as_json:
        print(json.dumps({"environment": name, "python": str(python), "seconds": seconds}))
    else:
        print(f"{name} is set up in {python.parents[1]} ({seconds:.0f} s)")
    return 0


def _check(as_json: bool) -> int:
    from rich.table import Table

    from edge_export.cache import log_folder
    from edge_export.cli import tables
    from edge_export.doctor import checkup
    from edge_export.workers import cpu_count

    logs = log_folder("doctor")
    with _progress() as told:
        checks = checkup(cpu_count(), logs, told)
    broken = [check for check in checks if check.ok is False]
    if as_json:
        print(json.dumps({"works": not broken, "checks": [asdict(check) for check in checks]}, allow_nan=False))
        return 1 if broken else 0
    table = Table("", "name", "version", "here", "seconds", "what was seen", title="this machine", title_justify="left")
    for check in checks:
        seconds = f"{check.seconds:.1f}"
        seen = tables.plain(check.detail)
        table.add_row(check.kind, check.name, tables.plain(check.version), WORDS[check.ok], seconds, seen)
    console = tables.console()
    console.print(table)
    for check in checks:
        if check.remedy:
            console.print(f"{check.name}: {tables.plain(check.remedy)}", soft_wrap=True)
    return 1 if broken else 0


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """A function that shows on standard error what is being done: in one line of a terminal, else in a line each."""
    from edge_export.cli import tables

    with tables.console(stderr=True).status("starting") as status:

        def told(what: str) -> None:
            status.update(tables.plain(what))
            if not sys.stderr.isatty():
                print(what, file=sys.stderr)

        yield told
