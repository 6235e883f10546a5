"""`pick`: names the best member for a device and a budget."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.cli.amounts import byte_count, positive

if TYPE_CHECKING:
    from edge_export.bundle.folder import Bundle
    from edge_export.bundle.perf import Perf
    from edge_export.bundle.picker import Calibration, Pick, Rule
    from edge_export.spec.device import DeviceFacts

HELP = "pick the best member for a device and a budget of time, bytes or memory"
INTERRUPTED = "nothing was changed"
EXAMPLE = """\
examples:
  edge_export pick dist/android --budget-ms 10
  edge_export pick dist/android --real-time-factor 0.2 --device adb
  edge_export pick dist/android --max-bytes 2MB --max-memory 20MB --json
  edge_export pick dist/android --budget-ms 10 --device device.json
  edge_export pick dist/android --budget-ms 10 --device local --calibrate

Times are those that `edge_export bench` measured on that model, else on
devices of the same kind, else --calibrate scales those of the most similar
device, else the smallest member is picked. A margin is added. Exit code 1:
nothing fits.
"""

RULES = {
    "model": "measured on that model",
    "prefix": "measured on devices of the same kind",
    "calibration": "scaled from a calibration, relative to the most similar device",
    "any": "the most that any device took",
    "manifest": "the size of the file",
    "smallest": "nothing is known of this device, so the smallest member is picked",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that build wrote")
    parser.add_argument("--budget-ms", type=positive, metavar="MS", help="longest time of a call")
    parser.add_argument(
        "--real-time-factor", type=positive, metavar="X", help="longest time of a call, relative to its audio"
    )
    parser.add_argument("--max-bytes", type=byte_count, metavar="N", help="largest file, such as 2MB")
    parser.add_argument("--max-memory", type=byte_count, metavar="N", help="highest peak of memory, such as 20MB")
    parser.add_argument(
        "--device",
        metavar="D",
        help="a device as bench names it, or a device.json (default: the one that was measured)",
    )
    parser.add_argument(
        "--calibrate", action="store_true", help="with --device: time one artifact there, for two seconds"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.bundle.folder import read_bundle
    from edge_export.bundle.perf import read_perf
    from edge_export.bundle.picker import Budget, pick
    from edge_export.errors import RequestError

    limits = {
        "call_ms": args.budget_ms,
        "real_time_factor": args.real_time_factor,
        "bytes": args.max_bytes,
        "memory_bytes": args.max_memory,
    }
    given = {name: value for name, value in limits.items() if value is not None}
    if not given:
        raise RequestError("no limit: give --budget-ms, --real-time-factor, --max-bytes or --max-memory")
    bundle = read_bundle(args.bundle)
    perf = read_perf(bundle)
    if args.calibrate and args.device is None:
        raise RequestError("--calibrate would have no effect: it goes with --device")
    calibration = _calibrated(bundle, perf, args.device) if args.calibrate else None
    facts = _facts(args.device, perf)
    picked = pick(bundle.manifest, perf, facts, Budget(**given), calibration)
    code = 1 if picked.fits == "no" else 0
    if args.json:
        result = {"bundle": str(args.bundle), "passed": not code, "device": facts.model, "path": _path(bundle, picked)}
        print(json.dumps(result | picked.model_dump(mode="json"), allow_nan=False))
        return code
    _print(bundle, facts, picked)
    return code


def _facts(device: str | None, perf: Perf) -> DeviceFacts:
    from edge_export.bundle.folder import read_record
    from edge_export.devices.table import open_device
    from edge_export.errors import RequestError
    from edge_export.spec.device import DeviceFacts

    measured = [each for each in perf.devices if not each.facts.emulated]
    if device is None:
        if len(measured) > 1:
            names = ", ".join(each.device for each in measured)
            raise RequestError(f"several devices were measured: give --device, one of {names}")
        return measured[0].facts if measured else DeviceFacts(schema="1.0", runner="", model="")
    if (known := perf.on(device)) is not None:
        return known.facts
    if device.endswith(".json") or Path(device).is_file():
        return read_record(Path(device), DeviceFacts, "give a device.json, which each run leaves in its request folder")
    return open_device(device).facts()


def _calibrated(bundle: Bundle, perf: Perf, device: str) -> Calibration:
    """Times the smallest file that was timed elsewhere, too, for two seconds."""
    from edge_export.bench.plan import BenchSettings
    from edge_export.bundle.picker import Calibration, timed_elsewhere
    from edge_export.devices.request import BenchPlan
    from edge_export.devices.table import open_device
    from edge_export.errors import RequestError
    from edge_export.pipeline.bench_on_device import bench_on_device

    opened = open_device(device)
    key = timed_elsewhere(bundle.manifest, perf, opened.facts())
    if key is None:
        raise RequestError("--calibrate needs times of another device that runs the same format: run bench there first")
    member, artifact, threads = key
    settings = BenchSettings(1, threads, BenchPlan(warm_up_seconds=0.5, seconds=1.5))
    only = [f"{member}/{artifact}"]
    found = bench_on_device(bundle, opened, settings, lambda *_: None, only=only, verb="calibrate")
    (result,) = found.artifacts
    if result.latency is None:
        raise RequestError(f"{only[0]} can't be timed on {device}: {result.reason}")
    return Calibration(member=member, artifact=artifact, threads=threads, p90_ms=max(result.latency.round_p90_ms))


def _path(bundle: Bundle, picked: Pick) -> str:
    (member,) = (each for each in bundle.manifest.members if each.name == picked.member)
    (file,) = (each.file for each in member.artifacts if each.label == picked.artifact)
    assert file is not None  # only compiled artifacts are picked
    return file.path


def _print(bundle: Bundle, facts: DeviceFacts, picked: Pick) -> None:
    from edge_export.bundle.picker import MARGINS
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    console = tables.console()
    columns = (
        Column("member"),
        Column("artifact"),
        Column("threads", drop=1, right=True),
        Column("ms a call", right=True),
        Column("memory", drop=2, right=True),
        Column("bytes", drop=3, right=True),
        Column("fits"),
        Column(""),
    )
    chosen = (picked.member, picked.artifact, picked.threads)
    sections: dict[str, list[tuple[str, ...]]] = {}
    for option in picked.options:
        rows = sections.setdefault(option.member, [])
        rows.append(
            (
                "" if rows else tables.plain(option.member),
                tables.plain(option.artifact),
                str(option.threads),
                "-" if option.time_ms is None else tables.milliseconds(option.time_ms),
                "-" if option.memory_bytes is None else tables.size(round(option.memory_bytes)),
                tables.size(option.bytes),
                option.fits,
                "[bold green]picked[/bold green]" if (option.member, option.artifact, option.threads) == chosen else "",
            )
        )
    title = tables.plain(f"for {facts.model}" if facts.model else "for an unknown device")
    print_fitted(console, FittedTable(title, columns, tuple(tuple(rows) for rows in sections.values())))
    for rule in picked.rules:
        console.print(tables.plain(f"{rule.limit}: {_sentence(rule)}{_margin(MARGINS[rule.rule])}"))
    verdict = {"yes": "fits", "no": "nothing fits, this is the smallest", "unknown": "the smallest"}[picked.fits]
    threads = tables.several(picked.threads, "thread")
    console.print(tables.plain(f"{picked.member}: {_path(bundle, picked)}, {threads}: {verdict}"))


def _sentence(rule: Rule) -> str:
    return RULES[rule.rule] + (f" ({', '.join(rule.devices)})" if rule.devices else "")


def _margin(margin: float) -> str:
    return f", {round(100 * (margin - 1))} % margin" if margin > 1 else ""
