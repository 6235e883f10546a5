"""`run`: runs a compiled member on a sound file or an image."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HELP = "separate a sound file, or classify an image, with a member of a bundle"
INTERRUPTED = "each file of OUTPUT is complete or unchanged"
EXAMPLE = """\
examples:
  edge_export run dist/android --member d4w4 --format tflite song.wav out/
  edge_export run dist/android --member w0.5 digit.png

A separator writes OUTPUT/STEM.wav for each stem. The files have the sample
rate, channels and length of the input. They have its bits per sample if it is
a PCM or float file, otherwise 16. A classifier prints the label and writes a
JSON file if OUTPUT is given.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that build wrote")
    parser.add_argument("--member", required=True, metavar="M", help="a member's name, such as d4w4 or w0.5")
    parser.add_argument(
        "--format", metavar="F", help="executorch, coreml, coreai or tflite (default: the first that can run here)"
    )
    parser.add_argument("--precision", metavar="P", help="fp32, fp16 or int8 (default: the first that can run here)")
    parser.add_argument("input", type=Path, metavar="INPUT", help="a sound file for a separator, an image otherwise")
    parser.add_argument("output", type=Path, nargs="?", metavar="OUTPUT", help="a folder for stems, or a .json file")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.bundle.folder import read_bundle
    from edge_export.cache import cache_folder
    from edge_export.predict.choice import choose
    from edge_export.predict.predict import predict

    choice = choose(read_bundle(args.bundle), args.member, args.format, args.precision)
    log = cache_folder() / "logs" / "run.log"
    with _progress_bar() as report:
        prediction = predict(choice, args.input, args.output, log, report)
    print(json.dumps(prediction.record, allow_nan=False) if args.json else "\n".join(prediction.lines))
    return 0


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    """Gives a function that is called with the number of finished calls and of all calls.

    It shows a bar if stderr is a terminal, otherwise nothing.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _calls: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("separating"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("separating", total=None)
        yield lambda done, calls: bar.update(line, completed=done, total=calls)
