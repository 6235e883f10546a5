"""`farm firebase`: prints the command that runs a bundle in Firebase Test Lab, and merges what that leaves."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.cli.amounts import positive, whole
from edge_export.cli.bundle_mother import add_mother_arguments, find_mother

if TYPE_CHECKING:
    from edge_export.bundle.folder import Bundle

EXAMPLE = """\
examples:
  edge_export farm firebase dist/android --device model=shiba,version=34
  gcloud storage cp --recursive gs://BUCKET/edge_export-0123456789abcdef .
  edge_export farm firebase dist/android --results edge_export-0123456789abcdef

The first prints the command for your own gcloud; the bundle's files stay in
the cache folder until the results are merged. The last merges them.
"""
ROUNDS, SECONDS, MINUTES = 3, 1.0, 30
MOST_MINUTES = 45
"""Test Lab's own limit for phones."""
_DIR = "edge_export-"
_ORDER = ("device", "app", "tests", "rounds", "seconds", "minutes")


def add_action(actions: Any) -> None:
    parser = actions.add_parser(
        "firebase",
        help="print the gcloud command for Firebase Test Lab; merge its results",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that build wrote")
    parser.add_argument("--device", action="append", metavar="D", help="such as model=shiba,version=34; repeat it")
    parser.add_argument("--app", type=Path, metavar="F", help="the runner app (default: what android_demo makes)")
    parser.add_argument("--tests", type=Path, metavar="F", help="the test package (default: the app)")
    parser.add_argument("--rounds", type=whole(0, 99), metavar="N", help=f"of timing; 0: none (default: {ROUNDS})")
    parser.add_argument("--seconds", type=positive, metavar="S", help=f"of each round (default: {SECONDS:g})")
    parser.add_argument(
        "--minutes", type=whole(1, MOST_MINUTES), metavar="N", help=f"one phone may take (default: {MINUTES})"
    )
    parser.add_argument("--results", type=Path, metavar="DIR", help="merge this folder of results")
    parser.add_argument("--strict", action="store_true", help="count artifacts that cannot run there as failures")
    add_mother_arguments(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.bundle.folder import read_bundle
    from edge_export.errors import RequestError

    if args.results and (unused := [f"--{name}" for name in _ORDER if getattr(args, name) is not None]):
        raise RequestError(f"{' and '.join(unused)} would have no effect: --results merges what was run")
    if not args.results and not args.device:
        raise RequestError("--device is missing: give model=M,version=V (`gcloud firebase test android models list`)")
    bundle = read_bundle(args.bundle)
    return _merge(args, bundle) if args.results else _command(args, bundle)


def _command(args: argparse.Namespace, bundle: Bundle) -> int:
    from edge_export.bench.plan import BenchSettings
    from edge_export.cli.bench import bench_plan
    from edge_export.devices.farms.firebase import gcloud_command
    from edge_export.devices.farms.platforms import PLATFORMS
    from edge_export.pipeline.farm_request import ask_farm
    from edge_export.spec.lazy import resolve

    platform = PLATFORMS["android"]
    app = args.app or resolve(platform.app_file)
    tests = args.tests or app
    for path in dict.fromkeys((app, tests)):
        resolve(platform.check)(path)
    rounds = ROUNDS if args.rounds is None else args.rounds
    settings = BenchSettings(rounds=rounds, plan=bench_plan(args.seconds or SECONDS))
    asked = ask_farm(bundle, platform.formats, settings)
    results = f"{_DIR}{asked.request.run_id}"
    minutes = args.minutes or MINUTES
    command = gcloud_command(asked.request, asked.folder, app, tests, args.device, minutes, results)
    if args.json:
        print(json.dumps({"bundle": str(bundle.root), "command": command, "results": results}))
    else:
        print(command)
    return 0


def _merge(args: argparse.Namespace, bundle: Bundle) -> int:
    from edge_export.cache import log_folder
    from edge_export.cli.farm_outcomes import tell_outcomes
    from edge_export.devices.farms.firebase import phones_in
    from edge_export.devices.farms.results import take_results
    from edge_export.errors import RequestError
    from edge_export.pipeline.farm_merge import Arrival, merge_phones
    from edge_export.pipeline.farm_request import asked_before

    run_id = re.fullmatch(rf"{_DIR}([0-9a-f]{{16}})", args.results.absolute().name)
    if run_id is None:
        raise RequestError(f"{args.results} has another name than {_DIR}ID: keep that of the folder in the bucket")
    phones = phones_in(args.results)
    asked = asked_before(bundle, run_id[1])
    mother, _ = find_mother(args, bundle)
    arrivals = [Arrival(name, partial(take_results, read, asked.request)) for name, read in phones]
    logs = log_folder(f"farm-{bundle.root.absolute().name}")
    outcomes = merge_phones(bundle, asked, arrivals, mother, logs)
    if not any(outcome.problem for outcome in outcomes):
        shutil.rmtree(asked.folder, ignore_errors=True)
    return tell_outcomes(bundle, outcomes, {"results": str(args.results)}, strict=args.strict, as_json=args.json)
