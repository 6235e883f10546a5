"""`cache`: shows what stands in the cache folder, and removes what is not needed any more."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_export.cache.contents import PartSize

HELP = "show or clean the cache: finished build steps, and what devices and trainings keep"
INTERRUPTED = "some entries were removed; the others are complete"
EXAMPLE = """\
examples:
  edge_export cache info
  edge_export cache prune --unused-days 30

Finished steps can be removed at any time: a build repeats those that it does
not find. prune also removes old logs, runs on devices that nobody resumed, and
what a killed setup left behind. It keeps whatever would have to be fetched or
set up again, and every training. With --cache, only that store of steps counts.
"""
UNUSED_DAYS = 30.0
WORDS = {"unused": "what is old", "unfinished": "failed setups", "kept": "nothing"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("info", "prune"), help="show the sizes, or remove what was not used lately")
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="a folder of finished steps (default: the user's cache)"
    )
    parser.add_argument(
        "--unused-days",
        type=float,
        metavar="N",
        help="for prune: remove what was not used for N days (default: 30; 0: all)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.cache import cache_folder
    from edge_export.cache.contents import STEPS, measure_parts
    from edge_export.cache.store import Store, prune, size_of
    from edge_export.cli.tables import several, size
    from edge_export.errors import RequestError

    if args.action != "prune" and args.unused_days is not None:
        raise RequestError(f"--unused-days has no effect in cache {args.action}: remove it, or run cache prune")
    days = UNUSED_DAYS if args.unused_days is None else args.unused_days
    if not days >= 0:
        raise RequestError(f"--unused-days {days:g} is negative: give 0 or more")
    store = Store(args.cache or cache_folder() / STEPS)
    pruned = args.action == "prune"
    removed = prune(store, days * 86400) if pruned else None
    kept = size_of(store)
    parts = [] if args.cache else measure_parts(cache_folder(), days * 86400 if pruned else None)
    if args.json:
        result = {"cache": str(store.folder), "kept": vars(kept), "removed": None if removed is None else vars(removed)}
        folders = [
            {"path": str(each.path), "about": each.part.about, "rule": each.part.rule, "bytes": each.bytes}
            | {"removed": each.removed if pruned else None}
            for each in parts
        ]
        print(json.dumps(result | {"folders": folders}))
        return 0
    if removed is not None:
        print(f"removed {several(removed.entries, 'step')} and {several(removed.files, 'file')}, {size(removed.bytes)}")
    print(f"{store.folder}: {several(kept.entries, 'step')}, {several(kept.files, 'file')}, {size(kept.bytes)}")
    if parts:
        _print_parts(parts, pruned)
    return 0


def _print_parts(parts: list[PartSize], pruned: bool) -> None:
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    console = tables.console()
    columns = [Column("folder"), Column("size", right=True), Column("what it holds", drop=1), Column("prune removes")]
    rows = [
        [tables.plain(each.path.name), tables.size(each.bytes), each.part.about, WORDS[each.part.rule]]
        for each in parts
    ]
    if pruned:
        columns.append(Column("removed", right=True))
        rows = [[*row, tables.size(each.removed)] for row, each in zip(rows, parts, strict=True)]
    print_fitted(console, FittedTable("", tuple(columns), (tuple(map(tuple, rows)),)))
