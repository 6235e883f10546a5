"""How often each kind of fault was planted, and what caught it: read from the reports, whichever process made them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

PROPERTY = "fault"
"""What a test records of its fault, as pytest's `record_property` does: its kind, its format, and what caught it."""
CATCHERS = (
    *("stage", "numbers", "io check", "load error", "crash", "not run here"),
    *("sha256 alone", "at the limit", "harmless", "NOT CAUGHT"),
)
"""By sha256 alone: nothing moved the outputs by more than the tolerance. At the limit: likewise on the goldens, and on
other inputs by hardly more. Harmless: nothing moved them, and there was no file yet."""


def lines(reports: Iterable[object]) -> Iterator[str]:
    """The tally of these reports as a table; nothing where no fault was planted."""
    tally = Counter(
        tuple(value)
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == PROPERTY
    )
    if not tally:
        return
    yield _line("fault", "format", "cases", *CATCHERS)
    for kind, format_name in sorted({(kind, format_name) for kind, format_name, _ in tally}):
        counts = [tally[kind, format_name, catcher] for catcher in CATCHERS]
        yield _line(kind, format_name, sum(counts), *counts)
    totals = [sum(n for (_, _, by), n in tally.items() if by == catcher) for catcher in CATCHERS]
    yield _line("all", "", sum(totals), *totals)


def _line(kind: str, format_name: str, *columns: object) -> str:
    cells = "".join(f"{column or '·':>13}" for column in columns)
    return f"{kind:<24}{format_name:<12}{cells}"
