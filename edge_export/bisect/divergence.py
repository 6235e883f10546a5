"""The first operator whose output diverges, found by a network's own graph.

From each output that diverges the search goes back, from a value to those that it reads. It stops at values that agree
and goes through those without a counterpart. The first diverging value is the one behind which only agreeing ones are
found; of several, in branches beside each other, the first in the order of execution.

Where no output diverges, the value that adds most to the relative error is of interest: with R = 10^(-SNR/10) the share
of noise in a value's power, that is where R grows most from what is read to what is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from edge_export.bisect.pairing import compare, reference
from edge_export.bisect.values import Bisection, Row, State, Value
from edge_export.spec.agreement import SNR_LIMIT_DB

UNKNOWN: State = "no counterpart"


def bisect(
    what: str, expected: Sequence[Value], inside: Sequence[Value], outputs: Mapping[str, str], snr_db: float
) -> Bisection:
    """Compare all values `inside` with those of the reference.

    Args:
        expected, inside: Both on the same samples, in the order of execution.
        outputs: The names of the network's outputs, each with the reference's name of it.
        snr_db: The least SNR of values that agree.
    """
    known = reference(expected, outputs)
    reads = {value.name: value.reads for value in inside}
    needed = _behind(outputs, reads)
    rows = {value.name: compare(value, known, snr_db) for value in inside if value.name in needed}
    diverging = [name for name in outputs if name in rows and rows[name].state == "diverges"]
    suspects = _upstream(diverging, reads, rows)
    # Where all that is computed from a value agrees, it diverges from nothing: only the converter knows it.
    unknown = {
        name: replace(r, state=UNKNOWN, snr_db=None, max_abs=None)
        for name, r in rows.items()
        if r.state == "diverges" and name not in suspects
    }
    rows |= unknown
    rows = {name: replace(row, added=_added(row, reads, rows)) for name, row in rows.items()}
    first = _first(suspects, reads, rows)
    return Bisection(what, bool(diverging), tuple(rows.values()), first, "" if diverging else _worst(rows))


def _first(suspects: Iterable[str], reads: Mapping[str, Sequence[str]], rows: Mapping[str, Row]) -> str:
    """The first suspect that diverges although nothing does that it comes from."""
    diverging = {name for name in suspects if rows[name].state == "diverges"}
    origins = {name for name in diverging if diverging.isdisjoint(_upstream(reads[name], reads, rows))}
    return next((name for name in rows if name in origins), "")


def _worst(rows: Mapping[str, Row]) -> str:
    agreeing = [row for row in rows.values() if row.snr_db is not None and row.snr_db < SNR_LIMIT_DB]
    return max(agreeing, key=lambda row: row.added).name if agreeing else ""


def _behind(names: Iterable[str], reads: Mapping[str, Sequence[str]]) -> set[str]:
    """`names` and all that they are computed from."""
    seen: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in reads and name not in seen:
            seen.add(name)
            left += reads[name]
    return seen


def _upstream(names: Sequence[str], reads: Mapping[str, Sequence[str]], rows: Mapping[str, Row]) -> set[str]:
    """`names` and what they come from, as far as the first values that agree."""
    seen: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in rows and name not in seen and rows[name].state != "agrees":
            seen.add(name)
            left += reads[name]
    return seen


def _added(row: Row, reads: Mapping[str, Sequence[str]], rows: Mapping[str, Row]) -> float:
    """How much the share of noise grew from what is read, through values without a counterpart."""
    if row.snr_db is None:
        return 0.0
    before, seen, left = 0.0, set(), list(reads[row.name])
    while left:
        name = left.pop()
        if name not in rows or name in seen:
            continue
        seen.add(name)
        snr_db = rows[name].snr_db
        if snr_db is None:
            left += reads[name]
        else:
            before = max(before, _noise_share(snr_db))
    return _noise_share(row.snr_db) - before


def _noise_share(snr_db: float) -> float:
    return float(10.0 ** (-snr_db / 10.0))
