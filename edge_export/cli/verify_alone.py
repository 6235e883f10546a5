"""`verify FILE --against …`: prove one compiled file alone."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict


def run(args: argparse.Namespace) -> int:
    """Compare `args.bundle`, a compiled file, with the module `args.against` on `args.inputs`."""
    from edge_export.cache import log_folder
    from edge_export.errors import RequestError
    from edge_export.spec.tolerance import Tolerance
    from edge_export.verify.compare import compare_file

    if args.against is None or args.inputs is None:
        raise RequestError(f"{args.bundle} is one file: say --against module:factory and --inputs FILE.safetensors")
    if not 0 <= args.snr_db <= 200:
        raise RequestError(f"--snr-db {args.snr_db:g} is not between 0 and 200")
    tolerance = Tolerance(snr_db=args.snr_db, max_abs_of_peak=1.0)
    log = log_folder(f"verify-{args.bundle.stem}") / "alone.log"
    result = compare_file(args.bundle, args.against, args.inputs, tolerance, log)
    passed = result.verdict == "passed" or (result.verdict == "unverified" and not args.strict)
    if args.json:
        print(json.dumps({"file": str(args.bundle), "passed": passed} | asdict(result), allow_nan=False))
        return 0 if passed else 1
    from edge_export.cli import tables

    console = tables.console()
    for name, agreement in result.outputs.items():
        line = f"{name}: SNR {tables.snr(agreement)} dB, max error {tables.max_abs(agreement)}"
        console.print(tables.plain(f"{line}, {result.count} samples, {result.runtime}"))
    console.print(f"{tables.plain(args.bundle)}: {tables.status(result.verdict)}: {tables.plain(result.reason)}")
    return 0 if passed else 1
