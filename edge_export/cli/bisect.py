"""`bisect`: names the first operator or layer that diverges, inside each stage and each file."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.cli.bundle_mother import add_mother_arguments, find_mother

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.bisect.values import Bisection, Row

HELP = "name the first operator or layer that diverges, inside every stage and every file"
INTERRUPTED = "the bundle was not changed"
EXAMPLE = """\
examples:
  edge_export bisect dist/android
  edge_export bisect dist/android --member d2w2 --artifact tflite-builtin-fp32
  edge_export bisect dist/mine --mother my_package.my_module:factory --json
  edge_export bisect m.tflite --against my_module:net --inputs x.safetensors

Each row compares the output of one operator with the output of the mother's
operator that it comes from. Start at the first operator that diverges.
"""
AROUND = 4
"""The number of rows shown before and after the first that diverges. `--json` shows all rows."""
VERDICTS = {True: "diverges", False: "agrees", None: "not examined"}
BUNDLE_OPTIONS = ("member", "artifact", "mother", "checkpoint", "goldens")
FILE_OPTIONS = ("against", "inputs", "snr_db")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="BUNDLE|FILE", help="folder that build wrote, or a compiled file")
    parser.add_argument("--member", metavar="NAME", help="for a bundle: examine only this member")
    parser.add_argument("--artifact", metavar="LABEL", help="for a bundle: examine only artifacts with this label")
    add_mother_arguments(parser)
    parser.add_argument("--against", metavar="M", help="for a file: module:factory of the nn.Module it was made from")
    parser.add_argument("--inputs", type=Path, metavar="F", help="for a file: .safetensors of inputs to run both on")
    parser.add_argument("--snr-db", type=float, metavar="N", help="for a file: minimum SNR in dB (default: 40)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.formats import format_of_file

    is_file = format_of_file(args.path.suffix) is not None or args.path.is_file()
    _refuse_options(args, BUNDLE_OPTIONS if is_file else FILE_OPTIONS, "a bundle" if is_file else "one file")
    found = _file(args) if is_file else _bundle(args)
    passed = all(each.diverges is False for bisections in found.values() for each in bisections)
    if args.json:
        members: list[dict[str, Any]] = [
            {"name": name, "bisections": [asdict(each) for each in bisections]} for name, bisections in found.items()
        ]
        subject = {"file": str(args.path)} if is_file else {"bundle": str(args.path)}
        print(json.dumps(subject | {"passed": passed, "members": members}, allow_nan=False))
    else:
        from edge_export.cli import tables

        for name, bisections in found.items():
            for each in bisections:
                _print(tables.console(), name, each)
    return 0 if passed else 1


def _refuse_options(args: argparse.Namespace, names: tuple[str, ...], what: str) -> None:
    """Raises RequestError if one of the options `names` was given. They apply only to `what`, which this is not."""
    from edge_export.errors import RequestError

    given = [f"--{name.replace('_', '-')}" for name in names if getattr(args, name) is not None]
    if given:
        raise RequestError(f"{', '.join(given)}: only for {what}, and {args.path} is not one: remove the option")


def _file(args: argparse.Namespace) -> dict[str, list[Bisection]]:
    """Bisects one compiled file, relative to the module that it was made from."""
    from edge_export.bisect.artifact import bisect_alone
    from edge_export.cache import log_folder
    from edge_export.errors import RequestError
    from edge_export.spec.tolerance import Tolerance

    if args.against is None or args.inputs is None:
        raise RequestError(
            f"{args.path} is one file: add --against module:factory and --inputs F.safetensors, or give a bundle"
        )
    snr_db = 40.0 if args.snr_db is None else args.snr_db
    if not 0 <= snr_db <= 200:
        raise RequestError(f"--snr-db {snr_db:g} is out of range: give 0 to 200")
    log = log_folder(f"bisect-{args.path.stem}") / "bisect.log"
    tolerance = Tolerance(snr_db=snr_db, max_abs_of_peak=1.0)
    return {args.path.name: bisect_alone(args.path, args.against, args.inputs, tolerance, log)}


def _bundle(args: argparse.Namespace) -> dict[str, list[Bisection]]:
    """Bisects the members and artifacts of a bundle that `args` select."""
    from edge_export.bundle.folder import read_bundle
    from edge_export.cache import log_folder
    from edge_export.cli.progress import shown_progress
    from edge_export.errors import RequestError
    from edge_export.pipeline.bisect_bundle import bisect_bundle, choose
    from edge_export.workers import cpu_count

    bundle = read_bundle(args.path)
    mother, note = find_mother(args, bundle)
    if mother is None:
        raise RequestError(f"{args.path}: bisect needs the mother: {note}")
    chosen = choose(bundle, args.member, args.artifact)
    logs = log_folder(f"bisect-{bundle.root.absolute().name}")
    labels = list(dict.fromkeys(artifact.label for _, artifacts in chosen for artifact in artifacts))
    with shown_progress(labels, "bisecting") as progress:
        return bisect_bundle(bundle, mother, chosen, cpu_count(), logs, progress)


def _print(console: Console, member: str, found: Bisection) -> None:
    from edge_export.cli import tables

    names = [row.name for row in found.rows]
    head = f"{member} {found.what}: {VERDICTS[found.diverges]}"
    if found.worst:
        worst = found.rows[names.index(found.worst)]
        head += f"; {_named(worst)} adds most to the error, SNR {_decibels(worst)} dB"
    if found.first:
        head += f", first at {_named(found.rows[names.index(found.first)])}"
    console.print(tables.plain(f"{head}; {found.note}" if found.note else head))
    if found.first:
        first = names.index(found.first)
        _print_rows(console, found.rows[max(0, first - AROUND) : first + AROUND + 1], found.first)


def _print_rows(console: Console, rows: tuple[Row, ...], first: str) -> None:
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    columns = (
        Column(""),
        Column("operator", drop=5),
        Column("name"),
        Column("source", drop=2),
        Column("layer", drop=3),
        Column("SNR dB", drop=6, right=True),
        Column("max error", drop=1, right=True),
        Column("state"),
    )
    cells = []
    for row in rows:
        error = "-" if row.max_abs is None else f"{row.max_abs:.1e}"
        texts = (row.operator, row.name, row.source, row.layer, _decibels(row), error, row.state)
        cells.append(("first" if row.name == first else "", *map(tables.plain, texts)))
    print_fitted(console, FittedTable("", columns, (tuple(cells),)))


def _named(row: Row) -> str:
    layer = f", layer {row.layer}" if row.layer and row.layer != row.source else ""
    source = f" (from {row.source}{layer})" if row.source not in ("", row.name) else layer
    return f"{row.operator} {row.name}{source}"


def _decibels(row: Row) -> str:
    if row.snr_db is None:
        return "-"
    return "equal" if row.snr_db >= 200 else f"{row.snr_db:.1f}"
