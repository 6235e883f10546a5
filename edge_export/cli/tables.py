"""How numbers and text are shown to a person."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from edge_export.errors import one_line

if TYPE_CHECKING:
    from rich.console import Console

    from edge_export.spec.agreement import Agreement
    from edge_export.spec.results import TaskMetric

MAX_TEXT = 4000
"""Characters of a text that are shown: no field of a bundle has as many, so that only damage is cut."""
STATUS_STYLES = {"passed": "green", "failed": "bold red", "error": "bold red", "unverified": "yellow"}


PIPED_SIZE = (1_000_000, 1_000_000)
"""Columns and lines of what is no terminal: nothing is left out, wrapped or cut there."""


def console(*, stderr: bool = False) -> Console:
    """A console of the terminal's width, or as wide as any text when the output is no terminal."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width, height = (None, None) if stream.isatty() else PIPED_SIZE
    return Console(stderr=stderr, highlight=False, width=width, height=height)


def size(count: int) -> str:
    """1234567 bytes as "1.2 MB" (powers of 1000)."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def count(number: int) -> str:
    """1234567 as "1.23 M"."""
    value = float(number)
    for unit in ("", " k", " M"):
        if value < 1000:
            return f"{value:.0f}" if not unit else f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:.3g} G"


def status(word: str) -> str:
    """A status in its color."""
    style = STATUS_STYLES[word]
    return f"[{style}]{word}[/{style}]"


def snr(agreement: Agreement | None) -> str:
    """An SNR in dB; equal bits have none."""
    if agreement is None:
        return "-"
    return "equal" if agreement.snr_db >= 200 else f"{agreement.snr_db:.1f}"


def max_abs(agreement: Agreement | None) -> str:
    """A largest absolute error."""
    if agreement is None:
        return "-"
    return "not finite" if agreement.max_abs is None else f"{agreement.max_abs:.1e}"


def share(agreement: Agreement | None) -> str:
    """Top-1 agreement in per cent."""
    if agreement is None or agreement.top1_agreement is None:
        return "-"
    return f"{100 * agreement.top1_agreement:.1f} %"


def metric(value: TaskMetric | None) -> str:
    """The artifact's task metric."""
    return "-" if value is None else f"{value.artifact:.2f}"


def plain(text: object) -> str:
    """Text from a file, safe to print in a table: one line, no markup, no control characters."""
    from rich.markup import escape

    return escape(one_line(text, MAX_TEXT))
