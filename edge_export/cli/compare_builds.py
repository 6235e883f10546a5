"""`compare BUNDLE BUNDLE`: tells what changed between two builds, as a table, JSON or Markdown."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge_export.changes import Changes


def run(args: argparse.Namespace) -> int:
    """Compares `args.path` with the later build `args.now`. Returns 1 if something is beyond the limits."""
    from edge_export.bundle.folder import read_bundle
    from edge_export.changes import Limits, compare_builds
    from edge_export.errors import RequestError

    if args.json and args.markdown:
        raise RequestError("--json and --markdown exclude each other: give one of them")
    then, now = (read_bundle(path) for path in (args.path, args.now))
    limits = Limits(growth=args.max_growth, loss=args.max_loss, slowdown=args.max_slowdown)
    found = compare_builds(then, now, limits, args.yardstick)
    if args.json:
        result = {"then": str(then.root), "now": str(now.root), "passed": not found.beyond}
        print(json.dumps(result | {"limits": asdict(limits)} | _as_json(found), allow_nan=False))
    elif args.markdown:
        from edge_export.cli.changes_markdown import as_markdown

        print(as_markdown(then.root, now.root, found))
    else:
        from edge_export.cli import tables
        from edge_export.cli.changes_table import print_changes

        print_changes(tables.console(), then.root, now.root, found, limits)
    return 1 if found.beyond else 0


def _as_json(found: Changes) -> dict[str, Any]:
    from edge_export.cli.perf_table import comparison_as_json

    devices = [
        {
            "device": each.device,
            "comparison": each.comparison and comparison_as_json(each.comparison),
            "reason": each.reason,
        }
        for each in found.devices
    ]
    return asdict(replace(found, devices=())) | {"devices": devices}
