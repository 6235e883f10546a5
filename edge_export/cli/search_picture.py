"""The picture of a search: all that was evaluated, and its front, as an SVG file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_export.errors import RequestError

if TYPE_CHECKING:
    from edge_export.search import Candidate


def check_picture(path: Path) -> None:
    """Raises RequestError unless `path` names an SVG file."""
    if path.suffix.lower() != ".svg" or path.is_dir():
        raise RequestError(f"--picture {path}: the picture is an SVG file: give a name that ends in .svg")


def write_picture(path: Path, candidates: Sequence[Candidate], listed: int, metric: str, unit: str) -> None:
    """Draws candidates by cost and quality; their front is that of times, where they have some, else of MACs.

    Args:
        path: The file; it is replaced.
        candidates: At least one.
        listed: How many of them, from the first on, the space lists. The search has found the others.
        metric, unit: The task metric.
    """
    from edge_export.cli import tables
    from edge_export.files.atomic import write_atomically
    from edge_export.report.plot import Point, Scatter, scatter_svg, standalone

    timed = candidates[0].call_ms is not None
    kinds = [
        ("measured" if each.timed else "predicted") if timed else ("listed" if index < listed else "found")
        for index, each in enumerate(candidates)
    ]
    points = tuple(
        Point(
            x=each.macs if each.call_ms is None else each.call_ms,
            y=each.metric,
            name=each.name,
            series=kind,
            detail=f"{tables.count(each.macs)} MACs, {each.metric:.2f} {unit}, {kind}",
        )
        for each, kind in zip(candidates, kinds, strict=True)
    )
    plot = Scatter(
        title="Pareto front of time and quality" if timed else "Pareto front of MACs and quality",
        x_label=("ms of a call" if timed else "MACs of a call") + _legend(kinds),
        y_label=f"{metric} in {unit}" if unit else metric,
        points=points,
        x_text="{:g}".format if timed else lambda macs: tables.count(round(macs)),
    )
    write_atomically(path, standalone(scatter_svg(plot)).encode())


def _legend(kinds: Sequence[str]) -> str:
    """Returns what the marks mean, if there are several. The first kind is drawn as circles, the second as squares."""
    named = dict(zip("○□", dict.fromkeys(kinds), strict=False))
    return "".join(f"; {mark} {kind}" for mark, kind in named.items()) if len(named) > 1 else ""
