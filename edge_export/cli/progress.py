"""What a build is doing right now: a live table on a terminal, plain lines anywhere else; always on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge_export.errors import one_line

DONE = {"proven", "passed", "failed", "unverified", "error"}
WAITING = "waiting"


@contextmanager
def shown_progress(labels: list[str]) -> Iterator[Callable[[str, str, str], None]]:
    """Give a function that is told (member, what, state), as `build.Progress`, and show what it is told.

    Members appear in the order in which they are first told of; `labels` are those of their artifacts.
    """
    if sys.stderr.isatty():
        with _live_table(labels) as progress:
            yield progress
        return
    started = time.monotonic()

    def line(member: str, what: str, state: str) -> None:
        if state != WAITING:
            print(f"{time.monotonic() - started:7.1f} s  {member}  {what}: {one_line(state, 160)}", file=sys.stderr)

    yield line


@contextmanager
def _live_table(labels: list[str]) -> Iterator[Callable[[str, str, str], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Table

    columns = ["member", *labels]
    states: dict[tuple[str, str], str] = {}
    members: dict[str, None] = {}
    bar = Progress(TextColumn("building"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    task = bar.add_task("building", total=None)
    lock = threading.Lock()

    def table() -> Table:
        grid = Table(box=None)
        grid.add_column("")
        for column in columns:
            grid.add_column(column)
        for member in members:
            grid.add_row(member, *(_colored(states.get((member, c), WAITING)) for c in columns))
        grid.add_row("", bar)
        return grid

    with Live(table(), console=Console(stderr=True), transient=True, refresh_per_second=8) as live:

        def told(member: str, what: str, state: str) -> None:
            with lock:
                states[member, what] = state
                members[member] = None
                bar.update(
                    task,
                    total=len(members) * len(columns),
                    completed=sum(s in DONE or s.startswith("stage") for s in states.values()),
                )
                live.update(table())

        yield told


def _colored(state: str) -> str:
    from rich.markup import escape

    style = {
        WAITING: "dim",
        "proven": "green",
        "passed": "green",
        "unverified": "yellow",
        "failed": "bold red",
        "error": "bold red",
    }
    return f"[{style.get(state, 'cyan')}]{escape(one_line(state, 40))}[/]"
