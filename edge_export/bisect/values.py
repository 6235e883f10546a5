"""What is seen inside a network, and what became of each value in a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_export.files.arrays import Array

State = Literal["agrees", "diverges", "no counterpart"]


@dataclass(frozen=True, eq=False)
class Value:
    """The output of one operator on a few samples.

    Attributes:
        name: What its network or file calls it; no other value there has the same.
        operator: What computes it, such as "CONV_2D".
        reads: The names of the values that it is computed from, inputs of the network included.
        array: `(samples, …)`.
        layer: The layer that it belongs to, where that is known.
        named_after: Other names that tell what it comes from, such as those of its weights.
    """

    name: str
    operator: str
    reads: tuple[str, ...]
    array: Array
    layer: str = ""
    named_after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One value inside what is examined, compared with its counterpart.

    Attributes:
        source: The reference's operator that it comes from; empty where none could be found.
        layer: The layer of that operator.
        snr_db, max_abs: How it agrees with its counterpart; None without one, and max_abs where it is not finite.
        added: By how much its noise-to-signal ratio is above that of the values that it reads.
    """

    operator: str
    name: str
    source: str
    layer: str
    snr_db: float | None
    max_abs: float | None
    state: State
    added: float = 0.0


@dataclass(frozen=True)
class Bisection:
    """What was found inside one stage or one file.

    Attributes:
        what: The stage's name, or the artifact's label.
        diverges: Whether an output diverges by more than the tolerance; None where nothing could be run.
        rows: Every value that was compared, in the order of execution.
        first: The name of the first value that diverges; empty when none does, or none could be seen.
        worst: Where no output diverges, the name of the value that adds most to the relative error.
        note: What else is to be said, in one sentence.
    """

    what: str
    diverges: bool | None
    rows: tuple[Row, ...]
    first: str = ""
    worst: str = ""
    note: str = ""
