"""Formats numbers and text for printing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from edge_export.errors import one_line

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


def size(count: int) -> str:
    """Returns 1234567 bytes as "1.2 MB" (powers of 1000)."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def milliseconds(value: float) -> str:
    """Returns a time in ms with three digits, such as "0.0512", "3.07" or "128"."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


def count(number: int) -> str:
    """Returns 1234567 as "1.23 M"."""
    value = float(number)
    for unit in ("", " k", " M"):
        if value < 1000:
            return f"{value:.0f}" if not unit else f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g} G"


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
