"""`search`: evaluates the configurations of a mother, and names the best one within a budget."""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.cli.amounts import byte_count, finite, operation_count, positive, whole
from edge_export.cli.family_request import add_family_arguments, family_request

if TYPE_CHECKING:
    from edge_export.pipeline import BuildRequest
    from edge_export.pipeline.evaluate import Evaluated
    from edge_export.search import Budget, Candidate
    from edge_export.search.latency import Predicted, Times

HELP = "find the best configuration of a mother within a budget"
INTERRUPTED = "what was evaluated is kept, unless --no-cache was given, and the same search goes on from there"
EXAMPLE = """\
examples:
  edge_export search --target android
  edge_export search --target android --max-macs 4M --json
  edge_export search --target linux --mother digits --max-bytes 100kB
  edge_export search --target linux --mother digits --min-quality 99
  edge_export search --target linux --mother digits --greedy --picture front.svg
  edge_export search --target linux --mother digits --evolve 200
  edge_export search --target android --max-latency-ms 5 --device local

Each configuration is evaluated once, as build does it: what one of them has
done, the other finds in the cache. The table is the Pareto front of MACs and
quality, the task's metric on the held-out set. Bytes are those of weights in
float32. Times are those that bench measured in a bundle of the same mother;
of members that were not measured they are predicted, and marked with ~. The
front is then that of times. Exit code 1: nothing is within the budget, or
something can't be made.
"""
FEW = 5
MEMBERS = "evaluate only these configurations (default: all of the mother's space)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_family_arguments(parser, MEMBERS)
    parser.add_argument("--max-macs", type=operation_count, metavar="N", help="limit: multiply-accumulates of a call")
    parser.add_argument("--max-params", type=operation_count, metavar="N", help="limit: parameters, such as 50k")
    parser.add_argument("--max-bytes", type=byte_count, metavar="B", help="limit: bytes of weights, such as 2MB")
    parser.add_argument("--min-quality", type=finite, metavar="X", help="limit: the least of the task's metric")
    times = parser.add_argument_group("times of a device; each of these shows them")
    times.add_argument("--max-latency-ms", type=positive, metavar="MS", help="limit: the time of a call")
    times.add_argument("--device", metavar="D", help="a device as bench names it (default: the one that was measured)")
    times.add_argument("--bundle", type=Path, metavar="DIR", help="the bundle that was timed (default: dist/TARGET)")
    times.add_argument("--artifact", metavar="A", help="such as tflite-builtin-int8 (default: timed for most members)")
    beyond = parser.add_argument_group("beyond the configurations that the space lists")
    how = beyond.add_mutually_exclusive_group()
    how.add_argument("--greedy", action="store_true", help="make one part smaller at a time, such as a layer's width")
    how.add_argument("--evolve", type=whole(2, 100_000), metavar="N", help="evolve up to N configurations (NSGA-II)")
    beyond.add_argument("--seed", type=whole(0, 2**32 - 1), metavar="N", help="with --evolve: its seed (default: 0)")
    parser.add_argument("--picture", type=Path, metavar="F.svg", help="draw all that was evaluated, and the front")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.cli.search_picture import check_picture, write_picture
    from edge_export.errors import RequestError
    from edge_export.search import Budget, best

    if args.seed is not None and args.evolve is None:
        raise RequestError("--seed would have no effect: it goes with --evolve")
    if args.picture is not None:
        check_picture(args.picture)
    budget = Budget(
        macs=args.max_macs,
        params=args.max_params,
        bytes=args.max_bytes,
        call_ms=args.max_latency_ms,
        quality=args.min_quality,
    )
    request = replace(family_request(args, Path("search")), members=args.members)
    times = _times(args, request)
    found = _found(args, request, budget)
    predicted = None
    if times is not None:
        from edge_export.search.latency import with_times

        timed, predicted = with_times(found.candidates, times)
        found = replace(found, candidates=tuple(timed))
    chosen = best(found.candidates, budget)
    if args.picture is not None:
        write_picture(args.picture, found.candidates, found.listed, found.metric, found.unit)
    if args.json:
        on_front = {each.name for each in _front(found)}
        result = {
            "metric": found.metric,
            "unit": found.unit,
            "budget": asdict(budget),
            "best": chosen and chosen.name,
            "candidates": [
                asdict(each)
                | {"listed": index < found.listed, "front": each.name in on_front, "fits": budget.allows(each)}
                for index, each in enumerate(found.candidates)
            ],
            "times": times and _times_json(times, predicted),
            "seconds": found.seconds,
            "errors": [error.model_dump(mode="json") for error in found.errors],
        }
        print(json.dumps(result, allow_nan=False))
    else:
        _print(found, budget, chosen)
        if times is not None:
            _print_times(times, predicted, found.candidates)
        if args.greedy or args.evolve is not None:
            _print_gains(found)
    return 0 if chosen and not found.errors else 1


def _times(args: argparse.Namespace, request: BuildRequest) -> Times | None:
    """Returns the measured times, before any member is evaluated. None: no argument asks for them."""
    if (args.max_latency_ms, args.device, args.bundle, args.artifact) == (None, None, None, None):
        return None
    from edge_export.pipeline.timed_bundle import times_of_bundle

    return times_of_bundle(request, args.bundle or Path("dist") / request.target.name, args.device, args.artifact)


def _found(args: argparse.Namespace, request: BuildRequest, budget: Budget) -> Evaluated:
    from edge_export.cli.progress import shown_progress
    from edge_export.pipeline.evaluate import evaluate
    from edge_export.pipeline.explore import Evolution, explore

    with shown_progress([], "evaluating") as progress:
        if not args.greedy and args.evolve is None:
            return evaluate(request, progress)
        evolution = None if args.evolve is None else Evolution(args.evolve, args.seed or 0)
        return explore(request, progress, budget, evolution)


def _front(found: Evaluated) -> list[Candidate]:
    """Returns the front of times, if they were asked for, otherwise of MACs."""
    from edge_export.search import front, macs_of

    return front(found.candidates, macs_of if found.candidates[0].call_ms is None else lambda each: each.call_ms or 0.0)


def _times_json(times: Times, predicted: Predicted | None) -> dict[str, object]:
    return {
        "device": times.device,
        "artifact": times.artifact,
        "threads": times.threads,
        "measured": len(times.members),
        "predicted": predicted and asdict(predicted),
    }


def _print(found: Evaluated, budget: Budget, chosen: Candidate | None) -> None:
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    console = tables.console()
    on_front = _front(found)
    shown = on_front if chosen is None or chosen in on_front else [*on_front, chosen]
    timed = found.candidates[0].call_ms is not None
    rows = tuple(
        (
            tables.plain(each.name),
            *(() if each.call_ms is None else (("" if each.timed else "~") + tables.milliseconds(each.call_ms),)),
            tables.count(each.macs),
            "-" if each.macs_per_second is None else tables.count(round(each.macs_per_second)),
            tables.count(each.params),
            tables.size(each.weight_bytes),
            tables.size(each.peak_activation_bytes),
            f"{each.metric:.2f}",
            "[bold green]best[/bold green]" if each == chosen else "fits" if budget.allows(each) else "",
        )
        for each in sorted(shown, key=lambda each: (each.call_ms or 0.0, each.macs))
    )
    columns = (
        Column("member"),
        *((Column("ms a call", right=True),) if timed else ()),
        Column("MACs", right=True),
        Column("MACs/s", drop=2, right=True),
        Column("params", drop=4, right=True),
        Column("weights", drop=3, right=True),
        Column("activations", drop=1, right=True),
        Column(found.metric, right=True),
        Column(""),
    )
    print_fitted(console, FittedTable(f"Pareto front of {'time' if timed else 'MACs'} and quality", columns, (rows,)))
    for error in found.errors:
        console.print(tables.plain(f"{error.name} error: {error.reason}"))
    ending = "nothing is within the budget" if chosen is None else f"{chosen.name} is the best within the budget"
    console.print(tables.plain(f"{len(found.candidates)} evaluated, {len(on_front)} on the front: {ending}"))


def _print_times(times: Times, predicted: Predicted | None, candidates: Sequence[Candidate]) -> None:
    from edge_export.cli import tables

    threads = tables.several(times.threads, "thread")
    timed = sum(each.timed for each in candidates)
    lines = [f"times: {times.artifact} with {threads} on {times.device}, {timed} of {len(candidates)} measured"]
    if predicted is not None:
        members = tables.several(len(times.members), "member")
        lines.append(
            f"~ predicted from {members}: each of them, from the others, is off by "
            f"{predicted.median_error:.0%} in the median, {predicted.worst_error:.0%} at worst"
        )
    for line in lines:
        tables.console().print(tables.plain(line))


def _print_gains(found: Evaluated) -> None:
    """Prints what was found beyond the listed configurations, at equal budgets, and the members to build."""
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted
    from edge_export.search import spread
    from edge_export.search.gains import gains

    console = tables.console()
    listed, beyond = found.candidates[: found.listed], found.candidates[found.listed :]
    if not listed or not beyond:
        console.print(f"{len(beyond)} found beyond {len(listed)} listed: there is nothing to compare")
        return
    compared = gains(listed, beyond)
    rows = tuple(
        (
            tables.count(each.macs),
            tables.plain(each.listed.name),
            f"{each.listed.metric:.2f}",
            "-" if each.found is None else tables.plain(each.found.name),
            "-" if each.found is None else f"{each.found.metric:.2f}",
            "better" if each.better else "",
        )
        for each in (next(group) for _, group in itertools.groupby(compared, lambda each: (each.listed, each.found)))
    )
    columns = (
        Column("from MACs", right=True),
        Column(f"best of {len(listed)} listed"),
        Column(found.metric, right=True),
        Column(f"best of {len(beyond)} found"),
        Column(found.metric, right=True),
        Column(""),
    )
    print_fitted(console, FittedTable("Beyond what the space lists", columns, (rows,)))
    better = sum(each.better for each in compared)
    budgets = tables.several(len(compared), "budget")
    where = f"{better} of {budgets} of MACs, each the cost of a listed one"
    console.print(tables.plain(f"what was found is better at {where}"))
    chosen = [each.name for each in spread(found.candidates, FEW)]
    members = tables.several(len(chosen), "member")
    console.print(tables.plain(f"{members} spread over the front: build --members {','.join(chosen)}"))
