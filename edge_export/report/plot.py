"""Scatter plots with a Pareto front, as SVG.

They are drawn here, in some 200 lines, and not by a plotting library. matplotlib writes text as outlines and one set of
colors; plotly and vega add 1 to 4 MB of scripts to the page. These plots are some kilobytes each, their text is text,
their colors follow the reader's light or dark mode, and they need no script.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from edge_export.report.axes import Axis, axis_for
from edge_export.spec.pareto import pareto_front

WIDTH, HEIGHT = 380, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 16, 50
SHAPES = 7
"""The number of different marks. Series differ in color and in mark."""
COLORS = 6
"""The number of different colors: `.s0` to `.s5` in plot.css."""
LETTER, LINE = 6.8, 14
"""The room that a letter and a line of text take."""
MAX_LABEL, MAX_NAMED = 16, 8
"""Longer names are cut; of more points, only those on the front are named."""
PLACES = (("end", -9, -7), ("start", 9, 15), ("start", 9, -7), ("middle", 0, -11), ("middle", 0, 20))
"""Where a name may stand relative to its point: the anchor of the text, and where it begins or ends."""


@dataclass(frozen=True)
class Point:
    """One point of a plot.

    Attributes:
        x, y: Finite values.
        name: The text beside it.
        series: What tells groups of points apart. Each has its color and its mark.
        detail: The text that a pointer over it shows.
    """

    x: float
    y: float
    name: str
    series: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Scatter:
    """A plot of what things cost (x, less is better) and how good they are (y, more is better).

    Attributes:
        title: What it shows, for those who can't see it, too.
        x_label, y_label: What the axes show, with units.
        x_text, y_text: Return the text at a tick.
        points: The points, at least one.
    """

    title: str
    x_label: str
    y_label: str
    points: tuple[Point, ...]
    x_text: Callable[[float], str] = "{:g}".format
    y_text: Callable[[float], str] = "{:g}".format

    @property
    def series(self) -> tuple[str, ...]:
        """The series in the order of their first points."""
        return tuple(dict.fromkeys(point.series for point in self.points))


def scatter_svg(plot: Scatter) -> Markup:
    """Returns the plot as an SVG element for a page that has the rules of `style()`.

    Points on the Pareto front are filled, others are hollow. All texts are escaped.
    """
    x = axis_for(plot.x_label, [point.x for point in plot.points], plot.x_text)
    y = axis_for(plot.y_label, [point.y for point in plot.points], plot.y_text)
    best = pareto_front(plot.points, lambda each: each.x, lambda each: each.y)
    names = ", ".join(point.name for point in best)
    label = f"{plot.title}. {plot.x_label} from left to right, {plot.y_label} upwards. On the Pareto front: {names}."
    opening = Markup(
        '<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" role="img" aria-label="{}">'
    ).format(WIDTH, HEIGHT, label)
    parts = [opening, *_frame(x, y), _front(best, x, y)]
    parts += [_mark(point, plot.series.index(point.series), point in best, x, y) for point in plot.points]
    parts += _labels(plot.points, best, x, y)
    return Markup("").join([*parts, Markup("</svg>\n")])


def key_svg(index: int) -> Markup:
    """Returns the mark of a series, for a legend."""
    mark = mark_shape(8, 8, index)
    return Markup(
        '<svg class="key" viewBox="0 0 16 16" aria-hidden="true"><g class="mark best s{}">{}</g></svg>'
    ).format(index % COLORS, mark)


def standalone(svg: Markup) -> str:
    """Returns an SVG element as a file of its own, with its style."""
    head, _, rest = svg.partition(">")
    return f"{head}><style>{style()}</style>{rest}"


def style() -> str:
    """Returns the CSS of plots, for light and dark."""
    return (Path(__file__).parent / "plot.css").read_text(encoding="utf-8")


def _x(axis: Axis, value: float) -> float:
    return round(LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT), 1)


def _y(axis: Axis, value: float) -> float:
    return round(HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM), 1)


def _frame(x: Axis, y: Axis) -> Iterator[Markup]:
    floor, wall = HEIGHT - BOTTOM, WIDTH - RIGHT
    for tick in x.ticks:
        at = _x(x, tick)
        yield Markup('<path class="grid" d="M{} {}V{}"/>').format(at, TOP, floor)
        yield Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(at, floor + 17, x.text(tick))
    for tick in y.ticks:
        at = _y(y, tick)
        yield Markup('<path class="grid" d="M{} {}H{}"/>').format(LEFT, at, wall)
        yield Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(LEFT - 8, at + 4, y.text(tick))
    yield Markup('<path class="axis" d="M{} {}H{}"/>').format(LEFT, floor, wall)
    middle = (LEFT + wall) / 2
    scale = " (logarithmic)" if x.logarithmic else ""
    yield Markup('<text class="title" x="{}" y="{}" text-anchor="middle">{}{}</text>').format(
        middle, HEIGHT - 10, x.label, scale
    )
    yield Markup('<text class="title" transform="translate(14 {})rotate(-90)" text-anchor="middle">{}</text>').format(
        (TOP + floor) / 2, y.label
    )


def _front(best: Sequence[Point], x: Axis, y: Axis) -> Markup:
    """Draws the front as stairs: what is right of and below a step, that step beats."""
    floor, wall = HEIGHT - BOTTOM, WIDTH - RIGHT
    stairs = f"M{_x(x, best[0].x)} {floor}V{_y(y, best[0].y)}"
    stairs += "".join(f"H{_x(x, point.x)}V{_y(y, point.y)}" for point in best[1:]) + f"H{wall}"
    return Markup('<path class="beaten" d="{0}V{1}Z"/><path class="front" d="{0}"/>').format(stairs, floor)


def _mark(point: Point, series: int, is_best: bool, x: Axis, y: Axis) -> Markup:
    kind = f"mark{' best' if is_best else ''} s{series % COLORS}"
    drawn = mark_shape(_x(x, point.x), _y(y, point.y), series)
    title = f"{point.name}: {point.detail}" if point.detail else point.name
    return Markup('<g class="{}"><title>{}</title>{}</g>').format(kind, title, drawn)


def mark_shape(x: float, y: float, index: int) -> Markup:
    """Returns the mark number `index`: circle, square, triangle, diamond, triangle down, bar, plus."""
    starts = ((-5, 0), (-4.5, -4.5), (0, -6), (0, -6), (0, 6), (-6, -2.5), (-2, -6))
    outlines = (
        "a5 5 0 1 0 10 0a5 5 0 1 0 -10 0Z",
        "h9v9h-9Z",
        "l5.6 10h-11.2Z",
        "l6 6l-6 6l-6 -6Z",
        "l5.6 -10h-11.2Z",
        "h12v5h-12Z",
        "h4v4h4v4h-4v4h-4v-4h-4v-4h4Z",
    )
    (dx, dy), outline = starts[index % SHAPES], outlines[index % SHAPES]
    return Markup('<path d="M{:.1f} {:.1f}{}"/>').format(x + dx, y + dy, outline)


def _labels(points: Sequence[Point], best: Sequence[Point], x: Axis, y: Axis) -> Iterator[Markup]:
    """Puts each name where nothing else is. A name without room is left out; a pointer over its mark shows it.

    Names on the front come first.
    """
    places = [(_x(x, point.x), _y(y, point.y)) for point in points]
    taken = [(px - 6, py - 6, px + 6, py + 6) for px, py in places]
    named = range(len(points)) if len(points) <= MAX_NAMED else [i for i, each in enumerate(points) if each in best]
    for index in sorted(named, key=lambda index: points[index] not in best):
        point, (px, py) = points[index], places[index]
        name = point.name if len(point.name) <= MAX_LABEL else point.name[: MAX_LABEL - 1] + "…"
        width = LETTER * len(name)
        for anchor, dx, dy in PLACES:
            left = px + dx - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
            box = (left, py + dy - LINE + 3, left + width, py + dy + 3)
            inside = box[0] >= LEFT + 2 and box[2] <= WIDTH - 2 and box[1] >= 0 and box[3] <= HEIGHT - BOTTOM
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                yield Markup('<text class="name" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
                    px + dx, py + dy, anchor, name
                )
                break


Box = tuple[float, float, float, float]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
