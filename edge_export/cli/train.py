"""`train`: trains a mother and writes its checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_export.training.train import TrainingReport

HELP = "train a mother of the catalog and write its checkpoint"
INTERRUPTED = "finished epochs are kept; run the same command again to resume"
EXAMPLE = """\
examples:
  edge_export train --mother digits --out digits.safetensors
  edge_export train --mother digits --out mine.safetensors --epochs 20 --seed 1
  edge_export train --mother separator --data recorded --out mine.safetensors
  edge_export train --mother separator --data musdb18hq --out mine.safetensors
  edge_export train --mother separator --data my_songs --checkpoint shipped \\
      --epochs 20 --out mine.safetensors

To resume an interrupted training from its last epoch, run the same command
again.
"""

DATA = (
    "training data (default: builtin, made here; recorded, for a separator: songs of recorded voices and music, "
    "fetched from Debian's packages; several for a separator: builtin,recorded)"
)
CHECKPOINT = "train on from these weights instead of random ones: a file, or shipped (those that came with the mother)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mother", required=True, metavar="M", help="digits, slimmable_digits, separator or bsrnn")
    parser.add_argument("--data", default="builtin", metavar="DIR|builtin|recorded", help=DATA)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the checkpoint, .safetensors")
    parser.add_argument("--checkpoint", metavar="FILE|shipped", help=CHECKPOINT)
    parser.add_argument("--epochs", type=int, metavar="N", help="total number of epochs (default: the mother's own)")
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="random seed; the same seed gives the same checkpoint (default: 0)",
    )
    parser.add_argument(
        "--rule",
        metavar="R",
        help="networks that each step trains; for a separator: random (the full one and a random one; default), "
        "ends (also the smallest; default on a GPU), sandwich (full, smallest and two random ones, with distillation)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.training.train import train

    report = train(args.mother, args.data, args.out, args.epochs, args.seed, args.rule, checkpoint=args.checkpoint)
    if args.json:
        import dataclasses
        import json

        print(json.dumps(dataclasses.asdict(report) | {"checkpoint": str(report.checkpoint)}, allow_nan=False))
    else:
        print_report(report)
    return 0


def print_report(report: TrainingReport) -> None:
    """Prints what was written, and the table of the validation if there was one."""
    from edge_export.cli import tables
    from edge_export.cli.fitted_table import Column, FittedTable, print_fitted

    console = tables.console()
    resumed = f", resumed after {report.resumed_from}" if report.resumed_from else ""
    console.print(
        f"{tables.plain(report.checkpoint)}: {tables.size(report.bytes)}, {report.epochs} epochs{resumed} in "
        f"{report.seconds:.0f} s, last loss {report.losses[-1]:.4f}, sha256 {report.sha256[:16]}"
    )
    if report.validation:
        names = list(report.validation[0])
        columns = tuple(Column(name, drop=(len(names) - i) % len(names), right=i > 0) for i, name in enumerate(names))
        rows = tuple(
            tuple(f"{value:.2f}" if isinstance(value, float) else tables.plain(value) for value in row.values())
            for row in report.validation
        )
        print_fitted(console, FittedTable("validation", columns, (rows,)))
