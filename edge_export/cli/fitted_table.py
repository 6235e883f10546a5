"""A table that fits the terminal: less important columns are dropped, and no cell is cut.

    member  artifact                 status    bytes  SNR dB
    ────────────────────────────────────────────────────────
    w0.25   executorch-xnnpack-fp32  passed  50.7 kB   131.0
            tflite-builtin-fp32      passed  45.1 kB   131.0
    not shown in 60 columns: params, MACs (--json has them)

If even the columns that are never dropped do not fit side by side, each row takes several lines instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.table import Table

NEVER = 0
MIN_GAP, GAP = 1, 2
"""The spaces between columns: the minimum, and the number used where it fits."""
MIN_WRAPPED = 24
"""The minimum width of a column of free text that is at least as wide."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        drop: The order in which columns are dropped from a table that is too wide, lowest first. `NEVER` keeps it.
        right: Whether its cells are aligned to the right, as numbers are.
        wraps: Whether its cells are free text that may take several lines.
    """

    header: str
    drop: int = NEVER
    right: bool = False
    wraps: bool = False


@dataclass(frozen=True)
class FittedTable:
    """A table of cells in rich's markup. A line separates its sections."""

    title: str
    columns: tuple[Column, ...]
    sections: tuple[tuple[tuple[str, ...], ...], ...]


def print_fitted(console: Console, table: FittedTable) -> None:
    """Prints `table` with as many columns as fit, the important ones first, and names those that are left out."""
    if table.title:
        console.print(f"[bold]{table.title}[/bold]")
    kept = columns_that_fit(table, console.width)
    if kept is None:
        _print_lines(console, table)
        return
    console.print(grid(_only(table, kept), console.width))
    left_out = [column.header for index, column in enumerate(table.columns) if index not in kept]
    if left_out:
        note = f"not shown in {console.width} columns: {', '.join(left_out)} (--json has them)"
        console.print(f"[dim]{note}[/dim]", highlight=False)


def print_in_parts(console: Console, table: FittedTable) -> None:
    """Prints `table` as several tables, each with the first column and as many of the others as fit."""
    first, *rest = minimal_widths(table)
    parts: list[list[int]] = [[]]
    taken = first
    for index, width in enumerate(rest, 1):
        if parts[-1] and taken + GAP + width > console.width:
            parts.append([])
            taken = first
        parts[-1].append(index)
        taken += GAP + width
    for number, part in enumerate(parts):
        shown = _only(table, [0, *part])
        print_fitted(console, shown if number == 0 else replace(shown, title=""))


def columns_that_fit(table: FittedTable, width: int) -> list[int] | None:
    """Returns the indices of the columns that fit into `width`. None: those that are never dropped do not fit."""
    widths = minimal_widths(table)
    kept = [index for index, column in enumerate(table.columns) if column.drop == NEVER]
    if not _fits((widths[index] for index in kept), width):
        return None
    others = (index for index, column in enumerate(table.columns) if column.drop != NEVER)
    for index in sorted(others, key=lambda i: -table.columns[i].drop):
        if _fits((widths[i] for i in (*kept, index)), width):
            kept.append(index)
    return sorted(kept)


def minimal_widths(table: FittedTable) -> list[int]:
    """Returns the minimum width of each column: its widest cell, at most `MIN_WRAPPED` if it wraps."""
    widths = _natural_widths(table)
    return [
        min(width, MIN_WRAPPED) if column.wraps else width for column, width in zip(table.columns, widths, strict=True)
    ]


def _fits(widths: Iterable[int], width: int) -> bool:
    return sum(each + MIN_GAP for each in widths) - MIN_GAP <= width


def _natural_widths(table: FittedTable) -> list[int]:
    rows = [tuple(column.header for column in table.columns), *(row for rows in table.sections for row in rows)]
    return [max(map(_cell_width, cells)) for cells in zip(*rows, strict=True)]


def _cell_width(markup: str) -> int:
    from rich.text import Text

    return Text.from_markup(markup, emoji=False).cell_len


def _only(table: FittedTable, kept: Sequence[int]) -> FittedTable:
    sections = tuple(tuple(tuple(row[i] for i in kept) for row in rows) for rows in table.sections)
    return FittedTable(table.title, tuple(table.columns[i] for i in kept), sections)


def grid(table: FittedTable, width: int) -> Table:
    """Returns all columns of a table that fits into `width`, side by side."""
    from rich import box
    from rich.table import Table

    widths, natural = minimal_widths(table), _natural_widths(table)
    gap = GAP if sum(widths) + GAP * (len(widths) - 1) <= width else MIN_GAP
    spare = width - sum(widths) - gap * (len(widths) - 1)
    shown = Table(box=box.HORIZONTALS, show_edge=False, padding=(0, gap - 1, 0, 0), pad_edge=False)
    for column, minimum, full in zip(table.columns, widths, natural, strict=True):
        more = min(spare, full - minimum)
        spare -= more
        shown.add_column(
            column.header,
            justify="right" if column.right else "left",
            width=minimum + more,
            no_wrap=not column.wraps,
            overflow="fold",
        )
    for rows in table.sections:
        for index, row in enumerate(rows, 1):
            shown.add_row(*row, end_section=index == len(rows))
    return shown


def _print_lines(console: Console, table: FittedTable) -> None:
    """Prints each row as headers and values, on as many lines as needed. A value longer than a line is not cut."""
    for rows in table.sections:
        for row in rows:
            lines: list[str] = []
            for column, cell in zip(table.columns, row, strict=True):
                named = f"[dim]{column.header}[/dim] {cell}" if column.header else cell
                if cell and lines and _cell_width(lines[-1]) + GAP + _cell_width(named) <= console.width:
                    lines[-1] += " " * GAP + named
                elif cell:
                    lines.append(" " * GAP * bool(lines or not row[0]) + named)
            for line in lines:
                console.print(line, soft_wrap=True)
