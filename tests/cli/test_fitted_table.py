"""Columns leave by priority, free text wraps, and no name, status or number is ever cut."""

from __future__ import annotations

import pytest
from terminal import assert_fits, assert_whole, shown

from edge_export.cli.fitted_table import Column, FittedTable, columns_that_fit, print_fitted, print_in_parts

COLUMNS = (
    Column("member"),
    Column("params", drop=1, right=True),
    Column("status"),
    Column("SNR dB", drop=3, right=True),
    Column("runtime", drop=2),
)
ROWS = (
    ("w0.25", "9.27 k", "passed", "131.0", "ExecuTorch 1.4.1"),
    ("", "", "unverified", "-", "LiteRT 2.1.2"),
)
TABLE = FittedTable("a family", COLUMNS, (ROWS,))
WIDEST = len("member") + len("9.27 k") + len("unverified") + len("SNR dB") + len("ExecuTorch 1.4.1") + 4


def names(width: int) -> list[str]:
    kept = columns_that_fit(TABLE, width)
    assert kept is not None
    return [COLUMNS[index].header for index in kept]


def test_columns_leave_the_lowest_first():
    assert names(WIDEST) == [column.header for column in COLUMNS]
    assert names(WIDEST - 1) == ["member", "status", "SNR dB", "runtime"]
    assert names(24) == ["member", "status", "SNR dB"]
    assert names(17) == ["member", "status"]
    assert columns_that_fit(TABLE, 16) is None


def test_a_narrow_column_takes_the_room_that_a_wider_one_left():
    assert names(24 + 7) == ["member", "params", "status", "SNR dB"]


@pytest.mark.parametrize("width", range(17, 70))
def test_every_width_shows_whole_cells_and_says_what_left(width):
    text = shown(width, lambda console: print_fitted(console, TABLE))
    kept = columns_that_fit(TABLE, width)
    assert_fits(text, width)
    assert_whole(text, [row[index] for row in ROWS for index in kept if row[index]])
    told = " ".join(text.split()).rpartition(f"not shown in {width} columns: ")[2]
    left = [column.header for index, column in enumerate(COLUMNS) if index not in kept]
    assert told == f"{', '.join(left)} (--json has them)" if left else "not shown" not in text


def test_free_text_wraps_between_words():
    reason = "the file holds an operator that this runtime does not know, and so nothing here could run it"
    table = FittedTable("", (Column("name"), Column("why", wraps=True)), ((("LiteRT", reason), ("MIL", "fine")),))
    text = shown(40, lambda console: print_fitted(console, table))
    assert_fits(text, 40)
    assert_whole(text, reason.split())
    assert " ".join(reason.split()) not in text
    assert reason in shown(1000, lambda console: print_fitted(console, table))


def test_a_name_that_is_wider_than_the_terminal_is_whole_on_a_line_of_its_own():
    long = "w0.25to1.0-1a2b3c4d" * 4
    columns = (Column("member"), Column("artifact"), Column("status"), Column("bytes", drop=1, right=True))
    rows = ((long, "executorch-xnnpack-fp32", "passed", "50.7 kB"), ("", "tflite-builtin-fp32", "failed", "-"))
    text = shown(60, lambda console: print_fitted(console, FittedTable("", columns, (rows,))))
    assert text.splitlines() == [
        f"member {long}",
        "  artifact executorch-xnnpack-fp32  status passed",
        "  bytes 50.7 kB",
        "  artifact tflite-builtin-fp32  status failed  bytes -",
    ]


def test_more_columns_than_fit_become_tables_one_below_the_other():
    members = [f"w0.{index:02}to1.0-1a2b3c4d" for index in range(16)]
    columns = (Column("stage"), *(Column(name, right=True) for name in members))
    rows = (("fold_batchnorm_into_previous", *(f"{100 + index}.5" for index in range(16))),)
    table = FittedTable("stages", columns, (rows,))
    text = shown(80, lambda console: print_in_parts(console, table))
    assert_fits(text, 80)
    assert_whole(text, [*members, *rows[0]])
    assert text.count("fold_batchnorm_into_previous") == 8
    assert text.count("stages") == 1
    assert text.count("stage ") == 8


def test_markup_takes_no_room():
    colored = FittedTable("", (Column("status"), Column("name")), ((("[bold red]failed[/bold red]", "a"),),))
    assert columns_that_fit(colored, len("failed") + 1 + len("name")) == [0, 1]
    assert "failed name" not in shown(11, lambda console: print_fitted(console, colored))
