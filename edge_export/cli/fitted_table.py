"""A table that fits the terminal: less important columns leave, and no cell is ever cut.

    member  artifact                 status    bytes  SNR dB
    ────────────────────────────────────────────────────────
    w0.25   executorch-xnnpack-fp32  passed  50.7 kB   131.0
            tflite-builtin-fp32      passed  45.1 kB   131.0
    not shown in 60 columns: params, MACs (--json has them)

Where not even the columns that never leave fit side by side, each row takes several lines instead.
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
"""Spaces between columns: the least, and what there is where it fits."""
MIN_WRAPPED = 24
"""Free text gets at least so many columns, if it has as many."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        leaves: When it leaves a table that is too wide: the lowest number first; `NEVER` for what must be seen.
        right: Whether its cells stand at the right, as numbers do.
        wraps: Whether its cells are free text, which may take several lines.
    """

    header: str
    leaves: int = NEVER
    right: bool = False
    wraps: bool = False


@dataclass(frozen=True)
class FittedTable:
    """A table of cells in rich's markup; a line separates its sections."""

    title: str
    columns: tuple[Column, ...]
    sections: tuple[tuple[tuple[str, ...], ...], ...]


def print_fitted(console: Console, table: FittedTable) -> None:
    """Print `table` with as many of its columns as fit, the important ones first, and say which are left out."""
    if table.title:
        console.print(f"[bold]{table.title}[/bold]")
    kept = columns_that_fit(table, console.width)
    if kept is None:
        _print_lines(console, table)
        return
    console.print(grid(_only(table, kept), console.width))
    left_out = [column.header for index, column in enumerate(table.columns) if index not in kept]
    if left_out:
        told = f"not shown in {console.width} columns: {', '.join(left_out)} (--json has them)"
        console.print(f"[dim]{told}[/dim]", highlight=False)


def print_in_parts(console: Console, table: FittedTable) -> None:
    """Print `table` as several, one below the other, each with the first column and as many of the rest as fit."""
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
    """The columns that fit into `width`, in their order; None where those that never leave do not."""
    widths = minimal_widths(table)
    kept = [index for index, column in enumerate(table.columns) if column.leaves == NEVER]
    if not _fits((widths[index] for index in kept), width):
        return None
    others = (index for index, column in enumerate(table.columns) if column.leaves != NEVER)
    for index in sorted(others, key=lambda i: -table.columns[i].leaves):
        if _fits((widths[i] for i in (*kept, index)), width):
            kept.append(index)
    return sorted(kept)


def minimal_widths(table: FittedTable) -> list[int]:
    """What each column needs at least: its widest cell, or some of it where it wraps."""
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

    return Text.from_markup(markup).cell_len


def _only(table: FittedTable, kept: Sequence[int]) -> FittedTable:
    sections = tuple(tuple(tuple(row[i] for i in kept) for row in rows) for rows in table.sections)
    return FittedTable(table.title, tuple(table.columns[i] for i in kept), sections)


def grid(table: FittedTable, width: int) -> Table:
    """All columns of a table that fits into `width`, side by side."""
    from rich import box
    from rich.table import Table

    widths, wanted = minimal_widths(table), _natural_widths(table)
    gap = GAP if sum(widths) + GAP * (len(widths) - 1) <= width else MIN_GAP
    spare = width - sum(widths) - gap * (len(widths) - 1)
    shown = Table(box=box.HORIZONTALS, show_edge=False, padding=(0, gap - 1, 0, 0), pad_edge=False)
    for column, least, want in zip(table.columns, widths, wanted, strict=True):
        more = min(spare, want - least)
        spare -= more
        shown.add_column(
            column.header,
            justify="right" if column.right else "left",
            width=least + more,
            no_wrap=not column.wraps,
            overflow="fold",
        )
    for rows in table.sections:
        for index, row in enumerate(rows, 1):
            shown.add_row(*row, end_section=index == len(rows))
    return shown


def _print_lines(console: Console, table: FittedTable) -> None:
    """Each row as words and values, on as many lines as they take; a value longer than a line stays whole."""
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
