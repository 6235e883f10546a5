"""`bench`: times the artifacts of a bundle on this machine or on a device."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.cli.amounts import positive, share, whole

if TYPE_CHECKING:
    from edge_export.bench.plan import BenchSettings
    from edge_export.bundle.perf import DevicePerf
    from edge_export.devices.request import BenchPlan

HELP = "time every artifact of a bundle, on this machine or on a device"
INTERRUPTED = "the bundle was not changed; --resume goes on"
EXAMPLE = """\
examples:
  edge_export bench dist/android
  edge_export bench dist/android --device ssh:pi@board --threads 4
  edge_export bench dist/android --only d1w1,d4w4/tflite-builtin-fp32
  edge_export bench dist/android --baseline perf.json --max-slowdown 5%

All artifacts are loaded and timed once a round, in a random order. If the
rounds of one differ by more than 10 %, it is noisy and has no median. With
--baseline, times count relative to a yardstick that is in both runs; exit
code 1 names what is slower by more than --max-slowdown, chance excluded.
"""
ROUNDS, THREADS, SECONDS = 5, 1, 1.0
MAX_SLOWDOWN = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that build wrote")
    parser.add_argument("--device", default="local", metavar="D", help="time it there (default: local)")
    parser.add_argument("--only", metavar="A,…", help="only these: MEMBER or MEMBER/ARTIFACT")
    parser.add_argument("--shard", metavar="I/N", help="only share I of N of the artifacts")
    parser.add_argument("--rounds", type=whole(1, 99), metavar="N", help=f"rounds (default: {ROUNDS})")
    parser.add_argument("--threads", type=whole(1, 64), metavar="N", help=f"of each runtime (default: {THREADS})")
    parser.add_argument("--seconds", type=positive, metavar="S", help=f"of each round (default: {SECONDS:g})")
    parser.add_argument("--resume", action="store_true", help="go on after a lost link, with the settings of that run")
    parser.add_argument("--baseline", type=Path, metavar="F", help="compare with this perf.json")
    parser.add_argument("--max-slowdown", type=share, metavar="P", help=f"limit (default: {100 * MAX_SLOWDOWN:g}%%)")
    parser.add_argument("--yardstick", metavar="A", help="MEMBER/ARTIFACT, or none (default: an unchanged file)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.bench.baseline import compare
    from edge_export.bundle.folder import read_bundle
    from edge_export.bundle.perf import read_perf
    from edge_export.bundle.shard import WHOLE, parse_shard
    from edge_export.cli.progress import shown_progress
    from edge_export.devices.table import open_device
    from edge_export.pipeline.bench_on_device import bench_on_device, keep_perf

    _check(args)
    bundle = read_bundle(args.bundle)
    read_perf(bundle)  # a damaged one is found before the work, not after it
    device = open_device(args.device)
    then = None if args.baseline is None else _baseline(args.baseline, device.name)
    labels = list(dict.fromkeys(artifact.label for member in bundle.manifest.members for artifact in member.artifacts))
    with shown_progress(labels, f"timing on {device.name}") as progress:
        found = bench_on_device(
            bundle,
            device,
            _settings(args),
            progress,
            only=args.only.split(",") if args.only else (),
            shard=parse_shard(args.shard) if args.shard else WHOLE,
            resume=args.resume,
        )
        keep_perf(bundle, found)
    limit = MAX_SLOWDOWN if args.max_slowdown is None else args.max_slowdown
    comparison = None if then is None else compare(found, then, limit, args.yardstick)
    failed = [each for each in found.artifacts if each.outcome == "failed"]
    code = 1 if failed or (comparison and comparison.failures) else 0
    if args.json:
        from edge_export.cli.perf_table import comparison_as_json

        result = {"bundle": str(args.bundle), "passed": not code, **_as_json(found)}
        print(json.dumps(result | {"comparison": comparison and comparison_as_json(comparison)}, allow_nan=False))
        return code
    from edge_export.cli import tables
    from edge_export.cli.perf_table import print_changes, print_perf

    console = tables.console()
    print_perf(console, found)
    if comparison is not None:
        print_changes(console, comparison, limit)
    return code


def _check(args: argparse.Namespace) -> None:
    """Raises RequestError if an option would have no effect."""
    from edge_export.errors import RequestError

    if args.baseline is None and (unused := _given(args, ("max_slowdown", "yardstick"))):
        raise RequestError(f"{unused} would have no effect: it goes with --baseline")
    if args.resume and (unused := _given(args, ("only", "shard", "rounds", "threads", "seconds"))):
        raise RequestError(f"{unused} would have no effect: --resume goes on with the settings of the lost run")


def _given(args: argparse.Namespace, names: tuple[str, ...]) -> str:
    return " and ".join(f"--{name.replace('_', '-')}" for name in names if getattr(args, name) is not None)


def _settings(args: argparse.Namespace) -> BenchSettings:
    from edge_export.bench.plan import BenchSettings

    plan = bench_plan(args.seconds or SECONDS)
    return BenchSettings(rounds=args.rounds or ROUNDS, threads=args.threads or THREADS, plan=plan)


def bench_plan(seconds: float) -> BenchPlan:
    """Returns the plan with rounds of so many seconds. Raises RequestError if that is too long."""
    from pydantic import ValidationError

    from edge_export.devices.request import BenchPlan
    from edge_export.errors import RequestError

    try:
        return BenchPlan(seconds=seconds)
    except ValidationError as error:
        raise RequestError(f"--seconds {seconds:g} is out of range: give at most 60") from error


def _baseline(path: Path, device: str) -> DevicePerf:
    """Returns the results of a device in a perf.json; if it has none, those of the only device in it."""
    from edge_export.bundle.perf import read_perf_file
    from edge_export.errors import RequestError

    perf = read_perf_file(path)
    found = perf.on(device) or (perf.devices[0] if len(perf.devices) == 1 else None)
    if found is None:
        names = ", ".join(each.device for each in perf.devices) or "no device"
        raise RequestError(f"{path} has {names}, not {device}: give a perf.json of this device")
    return found


def _as_json(found: DevicePerf) -> dict[str, Any]:
    """Returns the results without their samples, which perf.json has."""
    data = found.model_dump(mode="json", by_alias=True)
    for artifact in data["artifacts"]:
        for each in (artifact["latency"] or {}).get("rounds", ()):
            del each["samples"]
    return data
