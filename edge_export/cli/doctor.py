"""`doctor`: what works on this machine, and how to mend the rest."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict

HELP = "try every converter and runtime on this machine, and say how to mend what fails"
EXAMPLE = """\
examples:
  python -m edge_export doctor
  python -m edge_export doctor --json
"""

WORDS = {True: "[green]works[/green]", False: "[bold red]broken[/bold red]", None: "[yellow]not here[/yellow]"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from rich.table import Table

    from edge_export.cache import log_folder
    from edge_export.cli import tables
    from edge_export.doctor import checkup

    logs = log_folder("doctor")
    with tables.console(stderr=True).status("starting") as status:

        def told(what: str) -> None:
            status.update(what)
            if not sys.stderr.isatty():
                print(what, file=sys.stderr)

        checks = checkup(os.cpu_count() or 1, logs, told)
    broken = [check for check in checks if check.ok is False]
    if args.json:
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
