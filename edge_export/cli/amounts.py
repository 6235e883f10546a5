"""Amounts on the command line, such as "5MB" or "5%"."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_COUNTS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_AMOUNT = re.compile(r"(\d{1,18}(?:\.\d{1,18})?) ?([A-Za-z]*)")


def byte_count(text: str) -> int:
    """Returns "5MB" as 5000000. Units: B, kB, MB, GB (powers of 1000); KiB, MiB, GiB (powers of 1024)."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or (unit := _UNITS.get(match[2].lower())) is None or not (count := int(float(match[1]) * unit)):
        raise argparse.ArgumentTypeError(f'"{text[:40]}" is no size: give bytes, such as 5000000 or 5MB')
    return count


def operation_count(text: str) -> int:
    """Returns "4M" as 4000000. Units: k, M, G (powers of 1000)."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None or (unit := _COUNTS.get(match[2].lower())) is None or not (count := int(float(match[1]) * unit)):
        raise argparse.ArgumentTypeError(f'"{text[:40]}" is no count: give a number, such as 4000000 or 4M')
    return count


def share(text: str) -> float:
    """Returns "5%" or "0.05" as 0.05."""
    number = text.strip()
    try:
        value = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 10:
        raise argparse.ArgumentTypeError(f'"{text[:40]}" is no share: give 5%, for example')
    return value


def positive(text: str) -> float:
    """Returns a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f'"{text[:40]}" is not a number above 0')
    return value


def finite(text: str) -> float:
    """Returns a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f'"{text[:40]}" is not a number')
    return value


def at_least_zero(text: str) -> float:
    """Returns a finite number from 0 on."""
    if (value := finite(text)) < 0:
        raise argparse.ArgumentTypeError(f'"{text[:40]}" is not a number from 0 on')
    return value


def whole(low: int, high: int) -> Callable[[str], int]:
    """Returns a function that reads a whole number from `low` to `high`."""

    def read(text: str) -> int:
        value = int(text) if text.strip().isdigit() else low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f'"{text[:40]}" is not a whole number from {low} to {high}')
        return value

    return read
