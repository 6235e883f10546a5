"""Names of devices and chips: when two of them are of one kind."""

from __future__ import annotations

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"


def normalized(name: str) -> str:
    """Returns `name` for comparison: "SM-S918B" and "sm s918b" are the same.

    ASCII letters become lower case. Every run of other ASCII characters than letters and digits becomes one space.
    Spaces at both ends are removed. Characters beyond ASCII stay.
    """
    lower = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name)
    kept = (c if c in _LETTERS or c in _DIGITS or ord(c) > 127 else " " for c in lower)
    return " ".join(word for word in "".join(kept).split(" ") if word)


def common_prefix(a: str, b: str) -> str:
    """Returns the prefix that two names share, if it tells a kind of device; otherwise "".

    The prefix is that of the normalized names. It never cuts a number in two: digits at its end are removed if either
    name goes on with a digit. Spaces at its end are removed. It tells a kind only if it holds a digit, or if it is all
    of both names: "pixel 8" is a kind, "pixel" is not.
    """
    first, second = normalized(a), normalized(b)
    length = 0
    while length < min(len(first), len(second)) and first[length] == second[length]:
        length += 1
    prefix = first[:length]
    if any(name[length : length + 1] in tuple(_DIGITS) for name in (first, second)):
        prefix = prefix.rstrip(_DIGITS)
    prefix = prefix.rstrip(" ")
    is_kind = any(c in _DIGITS for c in prefix) or prefix == first == second
    return prefix if is_kind else ""
