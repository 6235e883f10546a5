"""What the farms of others are ordered by: options that `farm aws` and `farm firebase` share."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.cli.amounts import positive, whole
from edge_export.cli.bundle_mother import add_mother_arguments

if TYPE_CHECKING:
    from edge_export.bench.plan import BenchSettings

_ROUNDS, _SECONDS = 3, 1.0
ORDER = ("app", "tests", "rounds", "seconds")
"""The options of `add_order_arguments`."""


def add_order_arguments(parser: argparse.ArgumentParser, app: str, tests: str) -> None:
    """Adds the bundle, what runs it and how it is timed.

    Args:
        app, tests: Where these come from if they are not given.
    """
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that build wrote")
    parser.add_argument("--app", type=Path, metavar="F", help=f"the runner app (default: {app})")
    parser.add_argument("--tests", type=Path, metavar="F", help=f"the test package (default: {tests})")
    parser.add_argument("--rounds", type=whole(0, 99), metavar="N", help=f"of timing; 0: none (default: {_ROUNDS})")
    parser.add_argument("--seconds", type=positive, metavar="S", help=f"of each round (default: {_SECONDS:g})")


def add_result_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds how results are judged and shown."""
    parser.add_argument("--strict", action="store_true", help="count artifacts that cannot run there as failures")
    add_mother_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def settings_of(args: argparse.Namespace) -> BenchSettings:
    """Returns how artifacts are timed."""
    from edge_export.bench.plan import BenchSettings
    from edge_export.cli.bench import bench_plan

    rounds = _ROUNDS if args.rounds is None else args.rounds
    return BenchSettings(rounds=rounds, plan=bench_plan(args.seconds or _SECONDS))


def refuse_given(args: argparse.Namespace, names: Sequence[str], why: str) -> None:
    """Raises RequestError, with the reason `why`, if one of these options is given."""
    from edge_export.errors import RequestError

    if unused := [f"--{name}" for name in names if getattr(args, name) is not None]:
        raise RequestError(f"{' and '.join(unused)} would have no effect: {why}")
