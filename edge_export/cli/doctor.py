"""`doctor`: shows what works on this machine and how to fix the rest. It also sets up isolated environments."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.doctor import Check

HELP = "try every converter and runtime on this machine, and show how to fix what fails"
INTERRUPTED = "no environment is left incomplete"
EXAMPLE = """\
examples:
  edge_export doctor
  edge_export doctor --json
  edge_export doctor --setup coreai
"""

WORDS = {True: "[green]works[/green]", False: "[bold red]broken[/bold red]", None: "[yellow]not here[/yellow]"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--setup",
        metavar="NAME",
        help="set up an isolated environment instead: coreai (310 MB), tensorflow (2.2 GB) or litert-torch (800 MB)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    return _check(args.json) if args.setup is None else _set_up(args.setup, args.json)


def _set_up(name: str, as_json: bool) -> int:
    from edge_export.cli.progress import shown_steps
    from edge_export.workers.environment_setup import set_up

    started = time.monotonic()
    with shown_steps() as report:
        python = set_up(name, report)
    seconds = time.monotonic() - started
    if as_json:
        print(json.dumps({"environment": name, "python": str(python), "seconds": seconds}))
    else:
        print(f"{name} is set up in {python.parents[1]} ({seconds:.0f} s)")
    return 0


def _check(as_json: bool) -> int:
    from edge_export.cache import log_folder
    from edge_export.cli import tables
    from edge_export.cli.progress import shown_steps
    from edge_export.doctor import checkup
    from edge_export.workers import cpu_count

    logs = log_folder("doctor")
    with shown_steps() as report:
        checks = checkup(cpu_count(), logs, report)
    broken = [check for check in checks if check.ok is False]
    if as_json:
        print(json.dumps({"works": not broken, "checks": [asdict(check) for check in checks]}, allow_nan=False))
        return 1 if broken else 0
    print_checks(tables.console(), checks)
    return 1 if broken else 0


def print_checks(console: Console, checks: list[Check]) -> None:
    """Prints one row per converter, runtime, environment and program, then how to fix what is broken."""
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    columns = (
        Column("kind", drop=3),
        Column("name"),
        Column("version", drop=2),
        Column("here"),
        Column("seconds", drop=1, right=True),
        Column("details", wraps=True),
    )
    rows = tuple(
        (
            check.kind,
            tables.plain(check.name),
            tables.plain(check.version),
            WORDS[check.ok],
            f"{check.seconds:.1f}",
            tables.plain(check.detail),
        )
        for check in checks
    )
    print_fitted(console, FittedTable("this machine", columns, (rows,)))
    for check in checks:
        if check.remedy:
            console.print(tables.plain(f"fix: {check.kind} {check.name}: {check.remedy}"))
