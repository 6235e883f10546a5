"""`devices`: lists devices, proves the way to one, prepares this machine for one."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

HELP = "list devices, prove the way to one, or prepare one"
INTERRUPTED = "nothing was kept"
EXAMPLE = """\
examples:
  edge_export devices list
  edge_export devices check ssh:pi@board:2222
  edge_export devices check adb
  edge_export devices setup qemu:aarch64
  edge_export devices setup aar
  edge_export devices setup aar:x86_64 --file tensorflow-lite-2.16.1.aar

list asks this machine, the phones that adb and Xcode know, the emulators that
are set up, and every host in ~/.config/edge_export/ssh_hosts: a line is one
[USER@]HOST[:PORT], with #xcode behind it for the phones of a Mac.
check sends a file of a hundred bytes there, and reads what the runner makes
of it. Then `verify BUNDLE --device D` and `bench BUNDLE --device D` work.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("list", "check", "setup"), help="what to do")
    parser.add_argument("device", nargs="?", metavar="D", help="the device, for check and setup")
    parser.add_argument("--file", type=Path, help="for setup: take it from this file, such as an AAR")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.errors import RequestError

    if (args.what == "list") != (args.device is None):
        raise RequestError(
            "devices list takes no device" if args.what == "list" else f"give a device: devices {args.what} D"
        )
    if args.file is not None and args.what != "setup":
        raise RequestError(f"devices {args.what} takes no --file")
    if args.what == "setup":
        return _setup(args)
    return _list(args) if args.what == "list" else _check(args)


def _list(args: argparse.Namespace) -> int:
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted
    from edge_export.devices.table import KINDS, list_devices

    found = list_devices()
    if args.json:
        print(json.dumps({"devices": [vars(each) for each in found]}))
        return 0
    console = tables.console()
    columns = (Column("device"), Column("runs"), Column("what it is", drop=1))
    rows = tuple(
        (tables.plain(each.name), tables.plain(", ".join(each.runs) or "-"), tables.plain(each.about)) for each in found
    )
    print_fitted(console, FittedTable("", columns, (rows,)))
    for each in found:
        if each.problem:
            console.print(tables.plain(each.problem))
    console.print(f"--device takes {', '.join(f'{name}{kind.form}' for name, kind in KINDS.items())}", markup=False)
    return 0


def _check(args: argparse.Namespace) -> int:
    from edge_export.devices.check import check_device
    from edge_export.devices.table import open_device

    device = open_device(args.device)
    facts = check_device(device)
    if args.json:
        print(json.dumps({"device": device.name, "facts": facts.model_dump(mode="json", by_alias=True)}))
        return 0
    emulated = ", an emulator: no latency" if facts.emulated else ""
    print(f"{device.name}: a file of a hundred bytes went there and was read by {facts.runner}")
    print(f"{facts.model}, {facts.soc or facts.arch}, {facts.os}{emulated}")
    print(f"runs {', '.join(facts.runtimes.values())}")
    return 0


def _setup(args: argparse.Namespace) -> int:
    from edge_export.devices.table import kind_of
    from edge_export.errors import RequestError
    from edge_export.spec.lazy import resolve

    kind, rest = kind_of(args.device)
    if not kind.setup:
        raise RequestError(f"{args.device} needs no setup: try devices check {args.device}")
    resolve(kind.setup)(rest, lambda line: print(line, file=sys.stderr), args.file)
    if args.json:
        print(json.dumps({"device": args.device, "ready": True}))
    return 0
