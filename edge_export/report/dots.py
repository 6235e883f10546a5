"""Dot plots of SNR: a row for each stage or file, a mark for each member, as SVG like that of `plot.py`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from edge_export.report.plot import COLORS, LETTER, mark_shape
from edge_export.spec.agreement import SNR_LIMIT_DB

WIDTH, TOP, ROW, BOTTOM, RIGHT = 380, 10, 32, 48, 22
EQUAL = 44
"""The room at the right for results with equal bits, which have no SNR."""
SPREAD = 24
"""The height over which the marks of a row are spread, so that equal values do not hide each other."""
STEP_DB = 10.0
MAX_NAME = 26


@dataclass(frozen=True)
class Dots:
    """One row.

    Attributes:
        name: The stage or the file.
        values: The SNR in dB of each member; None: the member has no such stage or file.
        limit: The SNR that it must have; None: members differ in that.
    """

    name: str
    values: tuple[float | None, ...]
    limit: float | None = None


def dots_svg(title: str, members: Sequence[str], rows: Sequence[Dots]) -> Markup:
    """Returns the plot as an SVG element. Members have the marks of series 0, 1 and so on.

    Args:
        title: What it shows, for those who can't see it.
        members: The names of the members.
        rows: At least one; each with as many values as there are members.
    """
    height = TOP + ROW * len(rows) + BOTTOM
    known = [value for row in rows for value in (*row.values, row.limit) if value is not None and value < SNR_LIMIT_DB]
    low = math.floor((min(known, default=0.0) - 2) / STEP_DB) * STEP_DB
    high = math.ceil((max(known, default=100.0) + 2) / STEP_DB) * STEP_DB
    names = [row.name if len(row.name) <= MAX_NAME else row.name[: MAX_NAME - 1] + "…" for row in rows]
    left = 12 + LETTER * max(map(len, names))
    plot = _Frame(low, high, left, height)
    label = f"{title}. {'; '.join(_in_words(row, members) for row in rows)}"
    opening = Markup('<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, height, label)
    parts = [opening, *plot.drawn(any(_is_equal(value) for row in rows for value in row.values))]
    for index, (name, row) in enumerate(zip(names, rows, strict=True)):
        parts += _row(plot, TOP + ROW * (index + 0.5), name, row, members)
    return Markup("").join([*parts, Markup("</svg>\n")])


@dataclass(frozen=True)
class _Frame:
    low: float
    high: float
    left: float
    height: int

    def x(self, value: float) -> float:
        if _is_equal(value):
            return WIDTH - RIGHT
        return self.left + (value - self.low) / (self.high - self.low) * (WIDTH - RIGHT - EQUAL - self.left)

    def drawn(self, has_equal: bool) -> Iterator[Markup]:
        floor = self.height - BOTTOM
        step = STEP_DB * max(1, math.ceil((self.high - self.low) / STEP_DB / 5))
        count = int((self.high - self.low) // step)
        for tick in (self.low + index * step for index in range(count + 1)):
            yield Markup('<path class="grid" d="M{0:.1f} {1}V{2}"/>').format(self.x(tick), TOP, floor)
            yield Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{:g}</text>').format(
                self.x(tick), floor + 17, tick
            )
        if has_equal:
            yield Markup('<path class="grid" d="M{0:.1f} {1}V{2}"/>').format(self.x(SNR_LIMIT_DB), TOP, floor)
            yield Markup('<text x="{}" y="{}" text-anchor="end">equal</text>').format(WIDTH - 4, floor + 17)
        yield Markup('<text class="title" x="{:.1f}" y="{}" text-anchor="middle">SNR, dB</text>').format(
            (self.left + WIDTH - RIGHT - EQUAL) / 2, self.height - 10
        )


def _row(plot: _Frame, y: float, name: str, row: Dots, members: Sequence[str]) -> Iterator[Markup]:
    yield Markup('<path class="grid" d="M{:.1f} {}H{}"/>').format(plot.left, y, WIDTH - RIGHT)
    yield Markup('<text x="{:.1f}" y="{}" text-anchor="end">{}</text>').format(plot.left - 10, y + 4, name)
    if row.limit is not None:
        yield Markup('<path class="limit" d="M{:.1f} {}v{}"/>').format(plot.x(row.limit), y - ROW / 2, ROW)
    for index, (member, value) in enumerate(zip(members, row.values, strict=True)):
        if value is not None:
            title = f"{member}, {row.name}: {_as_text(value)}"
            at = y + SPREAD * ((index + 0.5) / len(members) - 0.5)
            yield Markup('<g class="mark best s{}"><title>{}</title>{}</g>').format(
                index % COLORS, title, mark_shape(plot.x(value), at, index)
            )


def _is_equal(value: float | None) -> bool:
    return value is not None and value >= SNR_LIMIT_DB


def _as_text(value: float) -> str:
    return "equal" if _is_equal(value) else f"{value:.1f} dB"


def _in_words(row: Dots, members: Sequence[str]) -> str:
    known = (f"{m} {_as_text(v)}" for m, v in zip(members, row.values, strict=True) if v is not None)
    return f"{row.name}: {', '.join(known)}"
