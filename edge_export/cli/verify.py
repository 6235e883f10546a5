"""`verify`: proves a bundle again, on this machine or on a device."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.cli.bundle_mother import add_mother_arguments, find_mother, given_options

if TYPE_CHECKING:
    from edge_export.bundle.folder import Bundle
    from edge_export.bundle.manifest import Manifest
    from edge_export.bundle.numerics import Numerics
    from edge_export.pipeline.mother_source import MotherSource

HELP = "run every artifact of a bundle again and compare it with the mother"
INTERRUPTED = "the bundle was not changed"
EXAMPLE = """\
examples:
  edge_export verify dist/android
  edge_export verify dist/mine --mother my_package.my_module:factory --json
  edge_export verify dist/android --device ssh:pi@board
  edge_export verify dist/android --device ssh:pi@board --resume

With --device, the artifacts run there, and the results are also written into
the bundle's numerics.json under the name of the device.

To verify one compiled file, use `edge_export compare`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that build wrote")
    add_mother_arguments(parser)
    parser.add_argument("--device", metavar="D", help="run there: local, ssh:[USER@]HOST[:PORT], … (see devices list)")
    parser.add_argument("--shard", metavar="I/N", help="with --device: only share I of N of the artifacts")
    parser.add_argument("--resume", action="store_true", help="with --device: go on after a lost link")
    parser.add_argument("--strict", action="store_true", help="count artifacts that cannot run here as failures")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.bundle.folder import read_bundle
    from edge_export.cache import log_folder
    from edge_export.cli.progress import shown_progress
    from edge_export.errors import RequestError
    from edge_export.formats import format_of_file
    from edge_export.pipeline.prove import prove_bundle
    from edge_export.workers import cpu_count

    if format_of_file(args.bundle.suffix) or args.bundle.is_file():
        raise RequestError(f"{args.bundle} is a file: use `compare FILE --against module:factory --inputs F`")
    for option, value in (("--resume", args.resume), ("--shard", args.shard)):
        if value and args.device is None:
            raise RequestError(f"{option} would have no effect: it goes with --device")
    if args.resume and args.shard:
        raise RequestError("--shard would have no effect: --resume goes on with the share of the lost run")
    bundle = read_bundle(args.bundle)
    mother, note = find_mother(args, bundle)
    if args.device is not None:
        return _on_device(args, bundle, mother)
    if note and (unused := given_options(args)):
        raise RequestError(f"{' and '.join(unused)} would have no effect: {note}")
    members = bundle.manifest.members
    labels = list(dict.fromkeys(artifact.label for member in members for artifact in member.artifacts))
    with shown_progress(labels, "verifying") as progress:
        logs = log_folder(f"verify-{bundle.root.absolute().name}")
        numerics = prove_bundle(bundle, mother, cpu_count(), logs, progress)
    bad = {"failed", "error", "unverified"} if args.strict else {"failed", "error"}
    failures = sum(run.verdict in bad for member in numerics.members for run in member.runs)
    failures += sum(bool(stage.reason) for member in numerics.members for stage in member.stages)
    failures += bool(note) and args.strict
    failures += len(bundle.manifest.errors)
    if args.json:
        result = {"bundle": str(args.bundle), "passed": not failures, "stages": note or "repeated"}
        print(json.dumps(result | {"members": _as_json(bundle.manifest, numerics)}, allow_nan=False))
    else:
        from edge_export.cli import tables
        from edge_export.cli.family_table import print_artifacts, print_stages

        console = tables.console()
        if not note:
            print_stages(console, bundle.manifest, numerics)
        print_artifacts(console, bundle.manifest, numerics)
        console.print(f"{tables.plain(args.bundle)}: {_ending(failures)}")
        if note:
            console.print(f"stages before the artifacts were not repeated: {tables.plain(note)}")
    return 1 if failures else 0


def _on_device(args: argparse.Namespace, bundle: Bundle, mother: MotherSource | None) -> int:
    """Proves the bundle on a device, and writes the runs under its name into numerics.json."""
    from edge_export.bundle.device_runs import only_runs, write_runs
    from edge_export.bundle.shard import WHOLE, parse_shard
    from edge_export.cache import log_folder
    from edge_export.cli.progress import shown_progress
    from edge_export.devices.table import open_device
    from edge_export.pipeline.prove_on_device import prove_on_device

    device = open_device(args.device)
    members = bundle.manifest.members
    labels = list(dict.fromkeys(artifact.label for member in members for artifact in member.artifacts))
    with shown_progress(labels, f"verifying on {device.name}") as progress:
        logs = log_folder(f"verify-{bundle.root.absolute().name}")
        shard = parse_shard(args.shard) if args.shard else WHOLE
        proof = prove_on_device(bundle, device, mother, logs, progress, shard=shard, resume=args.resume)
        write_runs(bundle.root, proof.runs)
    bad = {"failed", "error", "unverified"} if args.strict else {"failed", "error"}
    failures = sum(run.verdict in bad for runs in proof.runs.values() for run in runs)
    failures += sum(proof.left_out.values()) if args.strict else 0
    numerics = only_runs(bundle.numerics, proof.runs)
    if args.json:
        result = {"bundle": str(args.bundle), "device": device.name, "passed": not failures}
        result |= {"facts": proof.facts.model_dump(mode="json", by_alias=True), "left_out": proof.left_out}
        result |= {"spared": proof.spared}
        print(json.dumps(result | {"members": _as_json(bundle.manifest, numerics)}, allow_nan=False))
        return 1 if failures else 0
    from edge_export.cli import tables
    from edge_export.cli.family_table import print_artifacts

    console = tables.console()
    print_artifacts(console, bundle.manifest, numerics)
    facts = proof.facts
    emulated = "; an emulator: right results, no latency" if facts.emulated else ""
    console.print(tables.plain(f"{device.name}: {facts.model}, {facts.soc or facts.arch}, {facts.os}{emulated}"))
    if proof.spared:
        console.print(f"proven {proof.spared}: so there is no {tables.plain(bundle.manifest.recorded.metric)}")
    for name, count in proof.left_out.items():
        artifacts = tables.several(count, f"{tables.plain(name)} artifact")
        console.print(f"not run, as the device has no runtime for it: {artifacts}")
    console.print(f"{tables.plain(args.bundle)} on {tables.plain(device.name)}: {_ending(failures)}")
    return 1 if failures else 0


def _ending(failures: int) -> str:
    from edge_export.cli import tables

    return f"{tables.several(failures, 'check')} did not pass" if failures else "everything passed"


def _as_json(manifest: Manifest, numerics: Numerics) -> list[dict[str, Any]]:
    """Returns the new measurements, with the manifest's facts about each member and file that the table shows."""
    return [
        {
            **numbers,
            "params": member.params,
            "macs": member.macs,
            "artifacts": [
                {"label": a.label, "scheme": a.scheme, "bytes": None if a.file is None else a.file.bytes}
                for a in member.artifacts
            ],
        }
        for member, numbers in zip(manifest.members, numerics.model_dump(mode="json")["members"], strict=True)
    ]
