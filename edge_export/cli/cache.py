"""`cache`: shows the size of the cache of finished steps and removes old ones."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HELP = "show or clean the cache of finished build steps"
INTERRUPTED = "some steps were removed; the others are complete"
EXAMPLE = """\
examples:
  edge_export cache info
  edge_export cache prune --unused-days 30

The cache can be removed at any time: a build repeats the steps that it does
not find.
"""
UNUSED_DAYS = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=("info", "prune"), help="show the size, or remove steps that were not used lately"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="the cache's folder (default: the user's cache)")
    parser.add_argument(
        "--unused-days",
        type=float,
        metavar="N",
        help="for prune: remove steps that were not used for N days (default: 30; 0: all)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.cache import cache_folder
    from edge_export.cache.store import Store, prune, size_of
    from edge_export.cli.tables import size
    from edge_export.errors import RequestError

    if args.action != "prune" and args.unused_days is not None:
        raise RequestError(f"--unused-days has no effect in cache {args.action}: remove it, or run cache prune")
    days = UNUSED_DAYS if args.unused_days is None else args.unused_days
    if not days >= 0:
        raise RequestError(f"--unused-days {days:g} is negative: give 0 or more")
    store = Store(args.cache or cache_folder() / "steps")
    removed = prune(store, days * 86400) if args.action == "prune" else None
    kept = size_of(store)
    if args.json:
        result = {"cache": str(store.folder), "kept": vars(kept), "removed": None if removed is None else vars(removed)}
        print(json.dumps(result))
        return 0
    if removed is not None:
        print(f"removed {removed.entries} steps and {removed.files} files, {size(removed.bytes)}")
    print(f"{store.folder}: {kept.entries} steps, {kept.files} files, {size(kept.bytes)}")
    return 0
