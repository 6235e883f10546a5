"""Finds the first operator whose output diverges, by the network's own graph.

The search starts at each output that diverges and goes backward, from a value to the values that it reads. It stops at
values that agree and passes through values without a counterpart. A diverging value is an origin if the search finds
only agreeing values before it. Parallel branches may have several origins. The result is the first of them in the
order of execution.

If no output diverges, the result is the value that adds most to the relative error. R = 10^(-SNR/10) is the share of
noise in a value's power. That value has the largest increase of R over the values that it reads.
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
    """Compares all values inside a network with those of the reference.

    Args:
        what: The name of the stage, or the label of the artifact.
        expected, inside: The values of the reference and of the network, on the same samples, in order of execution.
        outputs: The names of the network's outputs, each with the reference's name for it.
        snr_db: The minimum SNR in dB of values that agree.
    """
    known = reference(expected, outputs)
    reads = {value.name: value.reads for value in inside}
    needed = _behind(outputs, reads)
    rows = {value.name: compare(value, known, snr_db) for value in inside if value.name in needed}
    diverging = [name for name in outputs if name in rows and rows[name].state == "diverges"]
    suspects = _upstream(diverging, reads, rows)
    # If everything computed from a value agrees, the value does not diverge: it is internal to the converter.
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
    """Returns the first suspect that diverges while no value before it does."""
    diverging = {name for name in suspects if rows[name].state == "diverges"}
    origins = {name for name in diverging if diverging.isdisjoint(_upstream(reads[name], reads, rows))}
    return next((name for name in rows if name in origins), "")


def _worst(rows: Mapping[str, Row]) -> str:
    agreeing = [row for row in rows.values() if row.snr_db is not None and row.snr_db < SNR_LIMIT_DB]
    return max(agreeing, key=lambda row: row.added).name if agreeing else ""


def _behind(names: Iterable[str], reads: Mapping[str, Sequence[str]]) -> set[str]:
    """Returns `names` and all values that they are computed from."""
    seen: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in reads and name not in seen:
            seen.add(name)
            left += reads[name]
    return seen


def _upstream(names: Sequence[str], reads: Mapping[str, Sequence[str]], rows: Mapping[str, Row]) -> set[str]:
    """Returns `names` and the values that they are computed from, up to the first values that agree."""
    seen: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in rows and name not in seen and rows[name].state != "agrees":
            seen.add(name)
            left += reads[name]
    return seen


def _added(row: Row, reads: Mapping[str, Sequence[str]], rows: Mapping[str, Row]) -> float:
    """Returns the increase of the share of noise over the values read. Values without a counterpart are skipped."""
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
