"""`build`: slice, prove, compile, verify and bundle a family."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_export.build import Built, Request

HELP = "build a verified family of members for a target"
EXAMPLE = """\
examples:
  python -m edge_export build --target android
  python -m edge_export build --target ios --mother digits --members 0.25,0.5,1.0 --out dist/ios --json
  python -m edge_export build --target linux --mother my_package.my_module:factory --members 0.5
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", required=True, metavar="T|FILE", help="android, ios, linux or a .toml file")
    parser.add_argument("--mother", metavar="M", help="catalog name or package.module:factory (default: the target's)")
    parser.add_argument("--checkpoint", type=Path, metavar="F", help=".safetensors or .pt (default: the mother's own)")
    parser.add_argument("--members", metavar="LIST", help="configurations, such as 0.25,0.5,1.0")
    parser.add_argument("--goldens", type=Path, metavar="DIR", help="folder of recorded inputs: images or .safetensors")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the bundle's folder (default: dist/TARGET)")
    parser.add_argument("--jobs", type=int, metavar="N", help="converters at work at once (default: one per core)")
    parser.add_argument("--strict", action="store_true", help="count what could not be verified here as a failure")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.cli.progress import shown_progress

    started = time.monotonic()
    request = _request(args)
    names = [request.mother.space.name(config) for config in request.members.values()]
    labels = [plan.label for plan in request.target.artifacts]
    from edge_export.build import build

    with shown_progress(names, labels) as progress:
        built = build(request, progress)
    seconds = time.monotonic() - started
    bad = _bad_statuses(args.strict)
    failures = [run.verdict for m in built.numerics.members for run in m.runs if run.verdict in bad]
    if args.json:
        _print_json(built, request, seconds)
    else:
        _print_tables(built, request, seconds, len(failures))
    return 1 if failures else 0


def _request(args: argparse.Namespace) -> Request:
    """Check everything that can be checked before any work."""
    from edge_export.cache import log_folder
    from edge_export.errors import RequestError
    from edge_export.family.bundle import check_output
    from edge_export.family.target import read_target

    if args.jobs is not None and not 1 <= args.jobs <= 1024:
        raise RequestError(f"--jobs {args.jobs} is out of range: give 1 to 1024")
    target = read_target(args.target)
    out = args.out or Path("dist") / target.name
    check_output(out)
    spec = args.mother or target.mother
    from edge_export.build import Request, parse_members
    from edge_export.mothers.catalog import CATALOG, open_mother
    from edge_export.mothers.checkpoint import file_sha256
    from edge_export.verify.recordings import recordings_of

    mother = open_mother(spec, args.checkpoint)
    space = mother.space
    ends = dict.fromkeys(space.name(config) for config in (space.smallest, space.largest))
    default = target.members if spec == target.mother else ",".join(ends)
    members = parse_members(mother, default if args.members is None else args.members)
    checkpoint = args.checkpoint or (CATALOG[spec].checkpoint_path if spec in CATALOG else None)
    return Request(
        target=target,
        mother_spec=spec,
        checkpoint_sha256=file_sha256(checkpoint) if checkpoint else None,
        mother=mother,
        recordings=recordings_of(spec, mother, args.goldens),
        members=members,
        out=out,
        jobs=args.jobs or os.cpu_count() or 1,
        logs=log_folder(out.absolute().name),
    )


def _bad_statuses(strict: bool) -> set[str]:
    return {"failed", "error", "unverified"} if strict else {"failed", "error"}


def _print_tables(built: Built, request: Request, seconds: float, failures: int) -> None:
    from edge_export.cli import tables
    from edge_export.cli.family_table import print_artifacts, print_stages

    console = tables.console()
    print_stages(console, built.manifest, built.numerics)
    print_artifacts(console, built.manifest, built.numerics, built.seconds)
    console.print(f"{request.out}: {len(built.manifest.members)} members in {seconds:.1f} s, logs in {request.logs}")
    if failures:
        console.print(f"[bold red]{failures} artifacts did not pass[/bold red]")


def _print_json(built: Built, request: Request, seconds: float) -> None:
    from edge_export.cli.family_table import as_json

    steps: dict[str, dict[str, float]] = {}
    for (member, step), taken in built.seconds.items():
        steps.setdefault(member, {})[step] = round(taken, 3)
    result = {
        "bundle": str(request.out),
        "target": built.manifest.target,
        "mother": built.manifest.mother.model_dump(mode="json"),
        "seconds": {"total": round(seconds, 3), "members": steps},
        "members": as_json(built.manifest, built.numerics),
    }
    print(json.dumps(result, allow_nan=False))
