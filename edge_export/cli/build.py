"""`build`: slices, proves, compiles, verifies and bundles a family."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.cli.family_request import add_family_arguments, family_request

if TYPE_CHECKING:
    from edge_export.pipeline import BuildRequest, Built

HELP = "build a verified family of members for a target"
INTERRUPTED = "the bundle is complete or unchanged; finished steps are kept, unless --no-cache was given"
EXAMPLE = """\
examples:
  edge_export build --target android
  edge_export build --target ios --mother digits --members 0.25,0.5,1.0 --json
  edge_export build --target android --precision fp32,int8 --jobs 4
  edge_export build --target android --members auto:5
  edge_export build --target linux --mother my_package.my_module:factory
  edge_export build --target android --cluster tcp://10.0.0.5:8786

a target file's options for Core AI artifacts:
  minimum_os = "27"                  of iOS and macOS

a target file's options for ExecuTorch artifacts with backend = "coreml",
* is the default:
  compute_units = "all"* | "cpu_only" | "cpu_and_gpu" | "cpu_and_ne"
  minimum_os = "17"* | "18"          of iOS

a target file's options for TFLite artifacts, * is the default:
  input_layout = "NHWC"* | "NCHW"    of images
  products = "grouped"* | "batched"  stacked weights as grouped convolutions,
                                     fast from TensorFlow Lite 2.16 on, or as
                                     BATCH_MATMUL, up to 10 % faster in LiteRT
  route = "direct" | "tensorflow" | "litert-torch"
                                     only that converter; without it the next,
                                     where one fails and the next is set up
"""

MEMBERS = (
    "configurations, such as 0.25,0.5,1.0; all; or auto:5, five that search chooses "
    "(default: the target's for its mother, else smallest and largest)"
)
NO_SETUP = "do not set up the isolated environments that the target's formats need"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_family_arguments(parser, MEMBERS)
    parser.add_argument("--out", type=Path, metavar="DIR", help="the bundle's folder (default: dist/TARGET)")
    parser.add_argument("--no-setup", action="store_true", help=NO_SETUP)
    parser.add_argument("--strict", action="store_true", help="count artifacts that cannot run here as failures")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.bundle.folder import check_output
    from edge_export.cli.progress import shown_progress
    from edge_export.pipeline import build
    from edge_export.pipeline.evaluate import choose_members, is_auto

    started = time.monotonic()
    request = family_request(args, args.out)
    check_output(request.out)
    if is_auto(request):
        with shown_progress([], "choosing members") as progress:
            request = choose_members(request, progress)
    if not args.no_setup and request.cluster is None:
        _set_up_environments(request)
    with shown_progress([plan.label for plan in request.target.artifacts], "building") as progress:
        built = build(request, progress)
    seconds = time.monotonic() - started
    bad = _bad_statuses(args.strict)
    failures = sum(run.verdict in bad for m in built.numerics.members for run in m.runs)
    errors = built.manifest.errors
    if args.json:
        _print_json(built, request, seconds)
    else:
        _print_tables(built, request, seconds, failures)
    return 1 if failures or errors else 0


def _set_up_environments(request: BuildRequest) -> None:
    """Sets up the isolated environments that the target's formats need. A failure is shown and does not raise."""
    from edge_export.cli.progress import shown_steps
    from edge_export.errors import RequestError
    from edge_export.pipeline.target import missing_environments
    from edge_export.workers.environment_setup import set_up
    from edge_export.workers.environments import ENVIRONMENTS

    for name in missing_environments(request.target):
        print(f"setting up {ENVIRONMENTS[name].description}", file=sys.stderr)
        try:
            with shown_steps() as report:
                set_up(name, report)
        except RequestError as error:  # the artifacts that need it get the verdict "error"
            print(error, file=sys.stderr)


def _bad_statuses(strict: bool) -> set[str]:
    return {"failed", "error", "unverified"} if strict else {"failed", "error"}


def _print_tables(built: Built, request: BuildRequest, seconds: float, failures: int) -> None:
    from edge_export.cli import tables
    from edge_export.cli.family_bars import print_family
    from edge_export.cli.family_table import print_artifacts, print_stages

    console = tables.console()
    print_stages(console, built.manifest, built.numerics)
    print_artifacts(console, built.manifest, built.numerics, built.seconds)
    for note in built.notes:
        console.print(tables.plain(note))
    print_family(console, built.manifest)
    members = f"{tables.plain(request.out)}: {tables.several(len(built.manifest.members), 'member')}"
    if not built.changed:
        console.print(f"{members}, unchanged ({seconds:.1f} s)")
    else:
        console.print(f"{members} in {seconds:.1f} s, logs in {tables.plain(request.logs)}")
        console.print(f"all of it on one page: edge_export report {tables.plain(shlex.quote(str(request.out)))}")
    if failures:
        console.print(f"[bold red]{tables.several(failures, 'artifact')} did not pass[/bold red]")
    if errors := built.manifest.errors:
        console.print(f"[bold red]{tables.several(len(errors), 'member')} could not be made[/bold red]")


def _print_json(built: Built, request: BuildRequest, seconds: float) -> None:
    from edge_export.cli.family_table import as_json

    steps: dict[str, dict[str, float | None]] = {}
    for (member, step), taken in built.seconds.items():
        steps.setdefault(member, {})[step] = None if taken is None else round(taken, 3)
    result = {
        "bundle": str(request.out),
        "changed": built.changed,
        "target": built.manifest.target,
        "mother": built.manifest.mother.model_dump(mode="json"),
        "notes": list(built.notes),
        "seconds": {"total": round(seconds, 3), "members": steps},
        "members": as_json(built.manifest, built.numerics),
        "errors": [error.model_dump(mode="json") for error in built.manifest.errors],
    }
    print(json.dumps(result, allow_nan=False))
