"""A family in small: what each member costs and how well it does, as bars.

member  MACs a second of sound           si_sdr
d1w1    ███▍                     45.9 M  ████████████████████▏     9.83
d2w2    ██████████▌               141 M  ██████████████████████   10.90
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_export.cli import tables
from edge_export.cli.fitted_table import GAP, Column, FittedTable, print_fitted

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.bundle.manifest import Manifest

WIDTH, MIN_BAR = 80, 8
"""Wider terminals get no longer bars. Where a bar has fewer columns than `MIN_BAR`, there are only numbers."""
EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def print_family(console: Console, manifest: Manifest) -> None:
    """Prints a row for each member. Bars of cost start at 0, those of quality at the baseline, or at 0 without one."""
    from edge_export.bundle.family import costs_of, gains_of

    members, metric = manifest.members, manifest.recorded.metric
    costs, unit = costs_of(members)
    names = [tables.plain(member.name) for member in members]
    shown_costs = [tables.count(round(cost)) for cost in costs]
    shown_scores = ["-" if member.metric is None else f"{member.metric:.2f}" for member in members]
    numbers = FittedTable(
        "",
        (Column("member"), Column(unit, right=True), Column(metric, right=True)),
        (tuple(zip(names, shown_costs, shown_scores, strict=True)),),
    )
    taken = sum(max(map(len, cells)) + GAP for cells in (["member", *names], shown_costs, shown_scores)) + GAP
    length = (min(console.width, WIDTH) - taken) // 2
    if length < max(MIN_BAR, len(unit), len(metric)):
        print_fitted(console, numbers)
        return
    gains = gains_of(manifest)
    rows = (
        (name, bar(cost, max(costs), length), shown_cost, bar(gain, max(gains), length), shown_score)
        for name, cost, shown_cost, gain, shown_score in zip(
            names, costs, shown_costs, gains, shown_scores, strict=True
        )
    )
    columns = (Column("member"), Column(unit), Column("", right=True), Column(metric), Column("", right=True))
    print_fitted(console, FittedTable("", columns, (tuple(rows),)))


def bar(value: float, most: float, length: int) -> str:
    """Returns a bar of up to `length` columns for `most`, and at least an eighth of a column for what is above 0."""
    if value <= 0 or most <= 0:
        return ""
    full, rest = divmod(max(1, round(8 * length * value / most)), 8)
    return "█" * full + EIGHTHS[rest]
