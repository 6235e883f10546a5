"""`run`: a compiled member on one's own file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_export.predict.choice import Choice

HELP = "separate a sound file, or classify an image, with a member of a bundle"
INTERRUPTED = "each file of OUTPUT is whole or as it was before"
EXAMPLE = """\
examples:
  edge_export run dist/android --member d4w4 --format tflite song.wav out/
  edge_export run dist/android --member w0.5 digit.png

A separator writes OUTPUT/STEM.wav for each stem, in the rate, channels and
length of the input, with its bits per sample if it is a PCM or float file,
else 16. A classifier prints the label; with an OUTPUT, it also writes a JSON
file.
"""
SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="folder that build wrote")
    parser.add_argument("--member", required=True, metavar="M", help="a member's name, such as d4w4 or w0.5")
    parser.add_argument(
        "--format", metavar="F", help="executorch, coreml or tflite (default: the first that runs here)"
    )
    parser.add_argument("--precision", metavar="P", help="fp32, fp16 or int8 (default: the first that runs here)")
    parser.add_argument("input", type=Path, metavar="INPUT", help="a sound file for a separator, an image otherwise")
    parser.add_argument("output", type=Path, nargs="?", metavar="OUTPUT", help="a folder for stems, or a .json file")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def run(args: argparse.Namespace) -> int:
    from edge_export.bundle.folder import read_bundle
    from edge_export.cache import cache_folder
    from edge_export.predict.choice import choose

    choice = choose(read_bundle(args.bundle), args.member, args.format, args.precision)
    log = cache_folder() / "logs" / "run.log"
    if choice.member.io.stream is not None:
        return _separate(choice, args, log)
    return _classify(choice, args, log)


def _separate(choice: Choice, args: argparse.Namespace, log: Path) -> int:
    from edge_export.errors import RequestError
    from edge_export.predict.separate import separate

    if args.output is None:
        raise RequestError("a separator needs a folder for its stems: give OUTPUT")
    with _progress_bar() as progress:
        done = separate(choice, args.input, args.output, log, progress)
    if args.json:
        result = {
            "member": choice.member.name,
            "artifact": choice.artifact.label,
            "runtime": done.runtime,
            "stems": {name: str(path) for name, path in done.stems.items()},
            "sample_rate": done.sample_rate,
            "channels": done.channels,
            "samples": done.samples,
            "subtype": done.subtype,
            "seconds": done.seconds,
            "real_time_factor": done.real_time_factor,
            "latency_ms": choice.member.latency_ms,
            "notes": list(done.notes),
        }
        print(json.dumps(result, allow_nan=False))
        return 0
    print("\n".join(str(path) for path in done.stems.values()))
    bits = f"{done.subtype}, {done.sample_rate} Hz, {done.channels} channels, {done.samples} samples"
    print("; ".join([bits, *done.notes]))
    print(
        f"{choice.member.name}/{choice.artifact.label} in {done.runtime}: {done.sound_seconds:.2f} s of sound in "
        f"{done.seconds:.2f} s, real-time factor {done.real_time_factor:.3f}, latency {choice.member.latency_ms:g} ms"
    )
    return 0


def _classify(choice: Choice, args: argparse.Namespace, log: Path) -> int:
    from edge_export.predict.classify import classify
    from edge_export.predict.result_file import check_file, write_result

    if args.output is not None:
        check_file(args.output)
    done = classify(choice, args.input, log)
    result = {
        "member": choice.member.name,
        "artifact": choice.artifact.label,
        "runtime": done.runtime,
        "label": done.label,
        "scores": done.shares,
        "seconds": done.seconds,
    }
    if args.output is not None:
        write_result(args.output, result)
    if args.json:
        print(json.dumps(result, allow_nan=False))
        return 0
    print(done.label)
    print("  ".join(f"{label} {100 * share:.1f} %" for label, share in list(done.shares.items())[:SHOWN]))
    return 0


@contextmanager
def _progress_bar() -> Iterator[Callable[[int, int], None]]:
    """A function that is told how many calls of how many are done; a bar on a terminal's stderr, else nothing."""
    if not sys.stderr.isatty():
        yield lambda _done, _calls: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("separating"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("separating", total=None)
        yield lambda done, calls: bar.update(line, completed=done, total=calls)
