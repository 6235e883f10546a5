"""`search`: evaluates the configurations of a mother, and names the best one within a budget."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.cli.amounts import byte_count, finite, operation_count
from edge_export.cli.family_request import add_family_arguments, family_request

if TYPE_CHECKING:
    from edge_export.pipeline.evaluate import Evaluated
    from edge_export.search import Budget, Candidate

HELP = "find the best configuration of a mother within a budget"
INTERRUPTED = "what was evaluated is kept, unless --no-cache was given"
EXAMPLE = """\
examples:
  edge_export search --target android
  edge_export search --target android --max-macs 4M --json
  edge_export search --target linux --mother digits --max-bytes 100kB
  edge_export search --target linux --mother digits --min-quality 99

Each configuration is evaluated once, as build does it: what one of them has
done, the other finds in the cache. The table is the Pareto front of MACs and
quality, the task's metric on the held-out set. Bytes are those of weights in
float32. Exit code 1: nothing is within the budget, or something can't be made.
"""
MEMBERS = "evaluate only these configurations (default: all of the mother's space)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_family_arguments(parser, MEMBERS)
    parser.add_argument("--max-macs", type=operation_count, metavar="N", help="limit: multiply-accumulates of a call")
    parser.add_argument("--max-params", type=operation_count, metavar="N", help="limit: parameters, such as 50k")
    parser.add_argument("--max-bytes", type=byte_count, metavar="B", help="limit: bytes of weights, such as 2MB")
    parser.add_argument("--min-quality", type=finite, metavar="X", help="limit: the least of the task's metric")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.cli.progress import shown_progress
    from edge_export.pipeline.evaluate import evaluate
    from edge_export.search import Budget, best, front

    budget = Budget(macs=args.max_macs, params=args.max_params, bytes=args.max_bytes, quality=args.min_quality)
    request = replace(family_request(args, Path("search")), members=args.members)
    with shown_progress([], "evaluating") as progress:
        found = evaluate(request, progress)
    chosen = best(found.candidates, budget)
    if args.json:
        on_front = {each.name for each in front(found.candidates)}
        result = {
            "metric": found.metric,
            "unit": found.unit,
            "budget": asdict(budget),
            "best": chosen and chosen.name,
            "candidates": [
                asdict(each) | {"front": each.name in on_front, "fits": budget.allows(each)}
                for each in found.candidates
            ],
            "seconds": found.seconds,
            "errors": [error.model_dump(mode="json") for error in found.errors],
        }
        print(json.dumps(result, allow_nan=False))
    else:
        _print(found, budget, chosen)
    return 0 if chosen and not found.errors else 1


def _print(found: Evaluated, budget: Budget, chosen: Candidate | None) -> None:
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted
    from edge_export.search import front

    console = tables.console()
    on_front = front(found.candidates)
    shown = on_front if chosen is None or chosen in on_front else [*on_front, chosen]
    rows = tuple(
        (
            tables.plain(each.name),
            tables.count(each.macs),
            "-" if each.macs_per_second is None else tables.count(round(each.macs_per_second)),
            tables.count(each.params),
            tables.size(each.weight_bytes),
            tables.size(each.peak_activation_bytes),
            f"{each.metric:.2f}",
            "[bold green]best[/bold green]" if each == chosen else "fits" if budget.allows(each) else "",
        )
        for each in sorted(shown, key=lambda each: each.macs)
    )
    columns = (
        Column("member"),
        Column("MACs", right=True),
        Column("MACs/s", drop=2, right=True),
        Column("params", drop=4, right=True),
        Column("weights", drop=3, right=True),
        Column("activations", drop=1, right=True),
        Column(found.metric, right=True),
        Column(""),
    )
    print_fitted(console, FittedTable("Pareto front of MACs and quality", columns, (rows,)))
    for error in found.errors:
        console.print(tables.plain(f"{error.name} error: {error.reason}"))
    ending = "nothing is within the budget" if chosen is None else f"{chosen.name} is the best within the budget"
    console.print(tables.plain(f"{len(found.candidates)} evaluated, {len(on_front)} on the front: {ending}"))
