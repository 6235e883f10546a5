"""Shows the progress of a build on stderr: a live table on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape

from edge_export.cli.fitted_table import Column, FittedTable, columns_that_fit, grid
from edge_export.errors import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

States = dict[str, dict[str, str]]
"""The last reported states of each member: under "member" its own, under a label that artifact's."""
STYLES = {
    "waiting": "dim",
    "proven": "green",
    "passed": "green",
    "unverified": "yellow",
    "failed": "bold red",
    "error": "bold red",
}
DONE = {"proven", "passed", "failed", "unverified", "error"}
WAITING = "waiting"
MAX_STATE = 12
"""The maximum number of characters that are shown of a state with several words."""
HEAD, BELOW = 2, 2
"""The number of lines of the table's head, and of the bar and the cursor."""


@contextmanager
def shown_progress(labels: list[str], doing: str) -> Iterator[Callable[[str, str, str], None]]:
    """Gives a function that shows the states it is called with: (member, what, state), as `build.Progress`.

    Members appear in the order in which they are first reported.

    Args:
        labels: The labels of the members' artifacts.
        doing: The name of the whole operation, such as "building".
    """
    if sys.stderr.isatty():
        with _live(labels, doing) as progress:
            yield progress
        return
    say = timed_lines()

    def line(member: str, what: str, state: str) -> None:
        if state != WAITING:
            say(f"{member}  {what}", state)

    yield line


def timed_lines() -> Callable[[str, str], None]:
    """Returns a function that writes a line for each (what, state) to stderr, with the seconds since now."""
    started = time.monotonic()

    def say(what: str, state: str) -> None:
        # One write for each line: print() writes the line's end apart, and threads report at the same time.
        sys.stderr.write(f"{time.monotonic() - started:7.1f} s  {what}: {one_line(state, 160)}\n")

    return say


@contextmanager
def shown_steps() -> Iterator[Callable[[str], None]]:
    """Gives a function that shows the current step on standard error.

    A terminal shows only the current step. Anything else receives one line per step.
    """
    from edge_export.cli import tables

    with tables.console(stderr=True).status("starting") as status:

        def report(step: str) -> None:
            status.update(tables.plain(step))
            if not sys.stderr.isatty():
                print(step, file=sys.stderr)

        yield report


@contextmanager
def _live(labels: list[str], doing: str) -> Iterator[Callable[[str, str, str], None]]:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    states: States = {}
    bar = Progress(TextColumn(doing, markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    task = bar.add_task(doing, total=None)
    lock = threading.Lock()
    console = Console(stderr=True, emoji=False)
    with Live(bar, console=console, transient=True, refresh_per_second=8) as live:

        def report(member: str, what: str, state: str) -> None:
            with lock:
                states.setdefault(member, {})[what] = state
                done = sum(is_done(each) for row in states.values() for each in row.values())
                bar.update(task, total=len(states) * (1 + len(labels)), completed=done)
                live.update(Group(view(states, labels, console.width, console.height - BELOW), bar))

        yield report


def view(states: States, labels: list[str], width: int, height: int) -> RenderableType:
    """Returns a row per member and a column per artifact. If that does not fit: one line per running step."""
    from rich.console import Group

    columns = tuple(Column(name) for name in ("", "member", *labels))
    rows = (
        (escape(member), *(_colored(row.get(what, WAITING)) for what in ("member", *labels)))
        for member, row in states.items()
    )
    table = FittedTable("", columns, (tuple(rows),))
    if len(states) + HEAD <= height and columns_that_fit(table, width) is not None:
        return grid(table, width)
    running = [
        f"{escape(member)}  {escape(what)}: {_colored(state)}"
        for member, row in states.items()
        for what, state in row.items()
        if state != WAITING and not is_done(state)
    ]
    more = len(running) - height
    return Group(*(running if more <= 0 else [*running[: height - 1], f"and {more + 1} more"]))


def is_done(state: str) -> bool:
    """Returns whether this state is final. A member that diverges has the state "stage NAME: REASON"."""
    return state in DONE or state.startswith("stage ")


def short(state: str) -> str:
    """Returns the first words of a state, as many as fit into a narrow column."""
    if state.startswith("stage "):
        return "failed"
    words = one_line(state).split()
    while len(words) > 1 and len(" ".join(words)) > MAX_STATE:
        words.pop()
    return " ".join(words).rstrip(",:;")


def _colored(state: str) -> str:
    shown = short(state)
    return f"[{STYLES.get(shown, 'cyan')}]{escape(shown)}[/]"
