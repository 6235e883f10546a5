"""Lines with error bars as an SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 680, 320, 50, 210, 20, 45
_APART = 3
"""Pixels between the points of two lines at the same place, so that their error bars can be told apart."""
_MOST_MARKS = 8
"""Of the horizontal axis: as many places are marked each, if they are far enough apart; else four."""
_MARKS_APART = 30
"""Pixels between two marks of the horizontal axis."""
_COLORS = ("#1a7f64", "#c4512d", "#3b6fb6", "#8a5fb0", "#8a8f98", "#b59a1d", "#444b54")


@dataclass(frozen=True)
class Line:
    """A named line through points (x, y, half of the error bar); a bar of NaN is not drawn."""

    name: str
    points: tuple[tuple[float, float, float], ...]


def svg_of(lines: Sequence[Line], across: str, up: str, logarithmic: bool = False) -> str:
    """Draws all lines over the same axes, the horizontal one `logarithmic` or not.

    The vertical one begins at 0, or below it if a point is.
    """
    points = [point for line in lines for point in line.points]
    left, right = min(x for x, *_ in points), max(x for x, *_ in points)
    top = max(0, *(y + _half(bar) for _, y, bar in points)) * 1.05
    bottom = min(y - _half(bar) for _, y, bar in points) * 1.05 if min(y for _, y, _ in points) < 0 else 0.0
    step = next(step for step in (1, 2, 5, 10, 20) if (top - bottom) / step <= 10)

    def place(x: float, y: float) -> tuple[float, float]:
        share = math.log(x / left) / math.log(right / left) if logarithmic else (x - left) / (right - left)
        return (
            _LEFT + share * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - (y - bottom) / (top - bottom) * (_HEIGHT - _TOP - _BOTTOM),
        )

    drawn = [f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>']
    for mark in range(-int(-bottom / step) * step, int(top) + 1, step):
        (x0, y), (x1, _) = place(left, mark), place(right, mark)
        drawn.append(f'<path d="M{x0:.1f} {y:.1f}H{x1:.1f}" stroke="#dde2e7"/>{_text(x0 - 6, y + 4, mark, "end")}')
    marks = sorted({x for x, *_ in points})
    at = [place(x, bottom)[0] for x in marks]
    crowded = len(marks) > _MOST_MARKS or any(b - a < _MARKS_APART for a, b in pairwise(at))
    for x in [left + (right - left) * third / 3 for third in range(4)] if crowded else marks:
        drawn.append(_text(place(x, bottom)[0], _HEIGHT - _BOTTOM + 18, f"{x:.3g}", "middle"))
    drawn.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, across, "middle"))
    drawn.append(_text(_LEFT - 6, 12, up, "start"))
    for index, line in enumerate(lines):
        color, name_y = _COLORS[index % len(_COLORS)], _TOP + 14 + 18 * index
        aside = _APART * (index - (len(lines) - 1) / 2)
        path = " ".join(f"{x + aside:.1f},{y:.1f}" for x, y in (place(x, y) for x, y, _ in line.points))
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        for x, y, bar in line.points:
            half = _half(bar)
            (center, low), (_, high), (_, middle) = place(x, max(y - half, bottom)), place(x, y + half), place(x, y)
            center += aside
            drawn.append(f'<path d="M{center:.1f} {low:.1f}V{high:.1f}" stroke="{color}" stroke-opacity=".6"/>')
            drawn.append(f'<circle cx="{center:.1f}" cy="{middle:.1f}" r="2.2" fill="{color}"/>')
        drawn.append(f'<path d="M{_WIDTH - _RIGHT + 14} {name_y - 4}h16" stroke="{color}" stroke-width="2"/>')
        drawn.append(_text(_WIDTH - _RIGHT + 36, name_y, line.name, "start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="sans-serif" font-size="12">{"".join(drawn)}</svg>\n'
    )


def _half(bar: float) -> float:
    return 0.0 if math.isnan(bar) else bar


def _text(x: float, y: float, content: object, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(str(content))}</text>'
