"""`farm firebase`: prints the command that runs a bundle in Firebase Test Lab, and merges what that leaves."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.cli.amounts import whole
from edge_export.cli.bundle_mother import find_mother
from edge_export.cli.farm_order import ORDER, add_order_arguments, add_result_arguments, refuse_given, settings_of

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
MINUTES = 30
MOST_MINUTES = 45
"""Test Lab's own limit for phones."""
_DIR = "edge_export-"
_ORDER = ("device", *ORDER, "minutes")


def add_action(actions: Any) -> None:
    parser = actions.add_parser(
        "firebase",
        help="print the gcloud command for Firebase Test Lab; merge its results",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--device", action="append", metavar="D", help="such as model=shiba,version=34; repeat it")
    add_order_arguments(parser, "what android_demo makes", "the app")
    parser.add_argument(
        "--minutes", type=whole(1, MOST_MINUTES), metavar="N", help=f"one phone may take (default: {MINUTES})"
    )
    parser.add_argument("--results", type=Path, metavar="DIR", help="merge this folder of results")
    add_result_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from edge_export.bundle.folder import read_bundle
    from edge_export.errors import RequestError

    if args.results:
        refuse_given(args, _ORDER, "--results merges what was run")
    if not args.results and not args.device:
        raise RequestError("--device is missing: give model=M,version=V (`gcloud firebase test android models list`)")
    bundle = read_bundle(args.bundle)
    return _merge(args, bundle) if args.results else _command(args, bundle)


def _command(args: argparse.Namespace, bundle: Bundle) -> int:
    from edge_export.devices.farms.firebase import gcloud_command
    from edge_export.devices.farms.platforms import PLATFORMS
    from edge_export.pipeline.farm_request import ask_farm
    from edge_export.spec.lazy import resolve

    platform = PLATFORMS["android"]
    app = args.app or resolve(platform.app_file)
    tests = args.tests or app
    resolve(platform.check)(app, tests, bundle)
    asked = ask_farm(bundle, platform.formats, settings_of(args))
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
