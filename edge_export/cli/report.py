"""`report`: writes one page that tells all that a bundle holds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HELP = "write one page that tells all about a bundle: quality, cost, proof, sounds and pictures"
INTERRUPTED = "no report was written"
EXAMPLE = """\
examples:
  edge_export report dist/android
  edge_export report dist/android --out family.html --json

The page is one file of less than 5 MB that needs no network: send it to your
team. It shows what the bundle holds when it is written: run verify and bench
first, on the devices that matter. What was not measured, it says.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that build wrote")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the page (default: report.html in the current folder)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.cli import tables
    from edge_export.report.page import FILE_NAME, write_report

    out = args.out or Path(FILE_NAME)
    written = write_report(args.bundle, out)
    if args.json:
        print(json.dumps({"bundle": str(args.bundle), "report": str(out), "bytes": written}))
    else:
        tables.console().print(f"{tables.plain(out)}: {tables.size(written)}, for any browser")
    return 0
