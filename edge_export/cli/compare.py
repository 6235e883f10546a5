"""`compare`: one compiled file with its PyTorch module, or two builds of a family with each other."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from edge_export.cli import compare_builds
from edge_export.cli.amounts import at_least_zero, share

HELP = "compare two builds of a family, or one compiled file with the nn.Module it was made from"
INTERRUPTED = "nothing was changed"
EXAMPLE = """\
examples:
  edge_export compare dist/main dist/branch --markdown
  edge_export compare dist/main dist/branch --max-growth 2% --max-loss 0.1
  edge_export compare m.tflite --against my_module:net --inputs x.safetensors
  edge_export compare model.mlpackage --against my_package.my_module:net \\
      --inputs x.safetensors --snr-db 90 --json

Of two bundles, the older comes first. Exit code 1: an artifact that passed
does not pass now, a member can't be made any more, or a limit is passed.
Times are those of bench, relative to a yardstick that is in both bundles.

For a file, the factory returns an nn.Module. The inputs hold an array
(count, ...) for each parameter of the module's forward, under its name.
"""
SNR_DB = 40.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="BUNDLE|FILE", help="a bundle, or one .pte, .tflite, … file")
    parser.add_argument("now", type=Path, nargs="?", metavar="BUNDLE", help="a later build of the bundle")
    builds = parser.add_argument_group("two bundles")
    builds.add_argument("--max-growth", type=share, metavar="P", help="limit: by how much a file may grow, such as 2%%")
    builds.add_argument("--max-loss", type=at_least_zero, metavar="N", help="limit: what a file may lose of its metric")
    builds.add_argument("--max-slowdown", type=share, metavar="P", help="limit: by how much a file may slow down")
    builds.add_argument("--yardstick", metavar="A", help="MEMBER/ARTIFACT, or none (default: an unchanged file)")
    builds.add_argument("--markdown", action="store_true", help="Markdown on standard output, for a pull request")
    file = parser.add_argument_group("one file")
    file.add_argument("--against", metavar="M", help="module:factory of the nn.Module it was made from")
    file.add_argument("--inputs", type=Path, metavar="F", help=".safetensors of inputs to run both on")
    limit = f"minimum SNR in dB (default: {SNR_DB:g}, for float16; 90 suits float32)"
    file.add_argument("--snr-db", type=float, metavar="N", help=limit)
    file.add_argument("--strict", action="store_true", default=None, help="count a file that can't run here as failed")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.errors import RequestError
    from edge_export.formats import format_of_file

    if args.now is not None:
        if unused := _given(args, ("against", "inputs", "snr_db", "strict")):
            raise RequestError(f"{unused} would have no effect on two bundles: give one file")
        return compare_builds.run(args)
    path = args.path
    if format_of_file(path.suffix) is None:
        raise RequestError(f"{path} is not a compiled file: give one, or two bundles, or run verify for a bundle")
    if missing := [f"--{name}" for name in ("against", "inputs") if getattr(args, name) is None]:
        raise RequestError(f"{path} needs {' and '.join(missing)}: the nn.Module it was made from, and its inputs")
    if unused := _given(args, ("max_growth", "max_loss", "max_slowdown", "yardstick", "markdown")):
        raise RequestError(f"{unused} would have no effect on one file: give two bundles")
    return _file(path, args)


def _given(args: argparse.Namespace, names: tuple[str, ...]) -> str:
    given = (f"--{name.replace('_', '-')}" for name in names if getattr(args, name) not in (None, False))
    return " and ".join(given)


def _file(path: Path, args: argparse.Namespace) -> int:
    from edge_export.cache import log_folder
    from edge_export.errors import RequestError
    from edge_export.spec.tolerance import Tolerance
    from edge_export.verify.compare import compare_file

    snr_db = SNR_DB if args.snr_db is None else args.snr_db
    if not 0 <= snr_db <= 200:
        raise RequestError(f"--snr-db {snr_db:g} is out of range: give 0 to 200")
    tolerance = Tolerance(snr_db=snr_db, max_abs_of_peak=1.0)
    log = log_folder(f"compare-{path.stem}") / "compare.log"
    result = compare_file(path, args.against, args.inputs, tolerance, log)
    passed = result.verdict == "passed" or (result.verdict == "unverified" and not args.strict)
    if args.json:
        print(json.dumps({"file": str(path), "passed": passed} | asdict(result), allow_nan=False))
        return 0 if passed else 1
    from edge_export.cli import tables

    console = tables.console()
    for name, agreement in result.outputs.items():
        line = f"{name}: SNR {tables.snr(agreement)} dB, max error {tables.max_abs(agreement)}"
        console.print(tables.plain(f"{line}, {result.count} samples, {result.runtime}"))
    console.print(f"{tables.plain(path)}: {tables.status(result.verdict)}: {tables.plain(result.reason)}")
    return 0 if passed else 1
