"""`cache`: what is kept of finished builds, and how to get rid of it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HELP = "show or clean what is kept of finished builds"
INTERRUPTED = "what was removed stays removed, the rest is whole"
EXAMPLE = """\
examples:
  edge_export cache info
  edge_export cache prune --unused-days 30

Nothing in the cache is needed: a build makes again what it does not find.
"""
UNUSED_DAYS = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("info", "prune"), help="show its size, or remove what was not used lately")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="the folder (default: your cache)")
    parser.add_argument(
        "--unused-days",
        type=float,
        metavar="N",
        help="of prune: what was not used for so long (default: 30; 0: all)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.cache import cache_folder
    from edge_export.cache.store import Store, prune, size_of
    from edge_export.cli.tables import size
    from edge_export.errors import RequestError

    if args.action != "prune" and args.unused_days is not None:
        raise RequestError(f"--unused-days does nothing in cache {args.action}: leave it out, or run cache prune")
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
