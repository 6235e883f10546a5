"""Formats numbers and text for printing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from edge_export.errors import one_line
from edge_export.spec.units import count as count
from edge_export.spec.units import milliseconds as milliseconds
from edge_export.spec.units import several as several
from edge_export.spec.units import size as size

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.spec.agreement import Agreement
    from edge_export.spec.results import TaskMetric

MAX_TEXT = 4000
"""The maximum number of characters shown of a text. Only a damaged bundle has fields that are longer."""
STATUS_STYLES = {"passed": "green", "failed": "bold red", "error": "bold red", "unverified": "yellow"}


PIPED_SIZE = (1_000_000, 1_000_000)
"""The columns and lines of an output that is not a terminal: nothing is left out, wrapped or cut."""


def console(*, stderr: bool = False) -> Console:
    """Returns a console with the terminal's width, or with `PIPED_SIZE` if the output is not a terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width, height = (None, None) if stream.isatty() else PIPED_SIZE
    # Without emoji=False, rich shows "ssh:a: failed" with a picture in the place of ":a:".
    return Console(stderr=stderr, highlight=False, emoji=False, width=width, height=height)


def status(word: str) -> str:
    """Returns a status in its color."""
    style = STATUS_STYLES[word]
    return f"[{style}]{word}[/{style}]"


def snr(agreement: Agreement | None) -> str:
    """Returns an SNR in dB, or "equal" for equal bits."""
    if agreement is None:
        return "-"
    return "equal" if agreement.snr_db >= 200 else f"{agreement.snr_db:.1f}"


def max_abs(agreement: Agreement | None) -> str:
    """Returns the maximum absolute error."""
    if agreement is None:
        return "-"
    return "not finite" if agreement.max_abs is None else f"{agreement.max_abs:.1e}"


def share(agreement: Agreement | None) -> str:
    """Returns the top-1 agreement in percent."""
    if agreement is None or agreement.top1_agreement is None:
        return "-"
    return f"{100 * agreement.top1_agreement:.1f} %"


def metric(value: TaskMetric | None) -> str:
    """Returns the artifact's task metric."""
    return "-" if value is None else f"{value.artifact:.2f}"


def plain(text: object) -> str:
    """Returns a text from a file, safe to print in a table: one line, no markup, no control characters."""
    from rich.markup import escape

    return escape(one_line(text, MAX_TEXT))
