"""`compare`: compares one compiled file of any format with its PyTorch module."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

HELP = "run one compiled file and compare it with the nn.Module it was made from"
INTERRUPTED = "the file was not changed"
EXAMPLE = """\
examples:
  edge_export compare m.tflite --against my_module:net --inputs x.safetensors
  edge_export compare model.mlpackage --against my_package.my_module:net \\
      --inputs x.safetensors --snr-db 90 --json

The factory returns an nn.Module. The inputs hold an array (count, ...) for
each parameter of the module's forward, under the parameter's name.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a .pte, .tflite, .mlpackage or .aimodel")
    parser.add_argument(
        "--against", required=True, metavar="M", help="module:factory of the nn.Module it was made from"
    )
    parser.add_argument("--inputs", required=True, type=Path, metavar="F", help=".safetensors of inputs to run both on")
    parser.add_argument(
        "--snr-db",
        type=float,
        default=40.0,
        metavar="N",
        help="minimum SNR in dB (default: 40, for float16; 90 suits float32)",
    )
    parser.add_argument("--strict", action="store_true", help="count a file that cannot run here as a failure")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.cache import log_folder
    from edge_export.errors import RequestError
    from edge_export.formats import FORMATS, format_of_file
    from edge_export.spec.tolerance import Tolerance
    from edge_export.verify.compare import compare_file

    if format_of_file(args.file.suffix) is None:
        suffixes = ", ".join(each.suffix for each in FORMATS.values())
        raise RequestError(f"{args.file} is not one of {suffixes}: give a compiled file, or run verify for a bundle")
    if not 0 <= args.snr_db <= 200:
        raise RequestError(f"--snr-db {args.snr_db:g} is out of range: give 0 to 200")
    tolerance = Tolerance(snr_db=args.snr_db, max_abs_of_peak=1.0)
    log = log_folder(f"compare-{args.file.stem}") / "compare.log"
    result = compare_file(args.file, args.against, args.inputs, tolerance, log)
    passed = result.verdict == "passed" or (result.verdict == "unverified" and not args.strict)
    if args.json:
        print(json.dumps({"file": str(args.file), "passed": passed} | asdict(result), allow_nan=False))
        return 0 if passed else 1
    from edge_export.cli import tables

    console = tables.console()
    for name, agreement in result.outputs.items():
        line = f"{name}: SNR {tables.snr(agreement)} dB, max error {tables.max_abs(agreement)}"
        console.print(tables.plain(f"{line}, {result.count} samples, {result.runtime}"))
    console.print(f"{tables.plain(args.file)}: {tables.status(result.verdict)}: {tables.plain(result.reason)}")
    return 0 if passed else 1
