"""What the commands of all claims have in common: arguments, the folder of finished trainings, tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.claims.errors import Spread
from benchmarks.claims.plot import Line, svg_of
from benchmarks.claims.trainings import EPOCHS

CACHE = Path(__file__).resolve().parents[1] / "cache" / "claims"


@dataclass(frozen=True)
class Request:
    """What to measure.

    Attributes:
        seeds: One training of each kind for each.
        epochs: Passes over the training images.
        folder: Where finished trainings are kept.
        jobs: How many separators are trained at the same time.
    """

    seeds: Sequence[int]
    epochs: int
    folder: Path
    jobs: int = 1


@dataclass(frozen=True)
class Measured:
    """One claim, measured.

    Attributes:
        tables: In Markdown.
        lines: Those of the plot, over `across`.
        across: What the horizontal axis shows.
        logarithmic: Whether that axis is.
    """

    tables: tuple[str, ...]
    lines: tuple[Line, ...]
    across: str = "width"
    logarithmic: bool = False


def main(
    doc: str | None,
    measure: Callable[[Request], Measured],
    epochs: int = EPOCHS,
    up: str = "error, %",
    with_jobs: bool = False,
) -> None:
    """Measures a claim, prints its tables, and draws its plot if asked to. Finished trainings are not done again.

    Args:
        doc: The claim.
        measure: Measures it.
        epochs: Passes over the training data, unless the command line has others.
        up: What the vertical axis of the plot shows.
        with_jobs: Whether `--jobs` is an option.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N - 1 (default: 3)")
    parser.add_argument("--epochs", type=int, default=epochs, metavar="N", help=f"default: {epochs}")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="default: benchmarks/cache/claims")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="write the plot there, a .svg")
    if with_jobs:
        parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that train (default: 1)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    measured = measure(Request(range(args.seeds), args.epochs, args.cache, args.jobs if with_jobs else 1))
    print("\n\n".join(measured.tables))
    if args.picture:
        args.picture.write_text(svg_of(measured.lines, measured.across, up, measured.logarithmic))


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def line(name: str, across: Sequence[float], spreads: Sequence[Spread]) -> Line:
    """Returns a line of the plot: the mean at each place, and the standard deviation around it."""
    return Line(name, tuple((x, s.mean, s.deviation) for x, s in zip(across, spreads, strict=True)))
