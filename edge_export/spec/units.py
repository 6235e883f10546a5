"""Numbers with their units, for people to read."""

from __future__ import annotations


def size(count: int) -> str:
    """Returns 1234567 bytes as "1.2 MB" (powers of 1000)."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def several(number: int, noun: str) -> str:
    """Returns "1 member" or "4 members"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
