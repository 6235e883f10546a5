"""The records of bisecting: a value inside a network, its comparison with the reference, and the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_export.files.arrays import Array

State = Literal["agrees", "diverges", "no counterpart"]


@dataclass(frozen=True, eq=False)
class Value:
    """The output of one operator on a few samples.

    Attributes:
        name: Its name in its network or file, which is unique there.
        operator: The operator that computes it, such as "CONV_2D".
        reads: The names of the values that it is computed from, including inputs of the network.
        array: `(samples, …)`.
        layer: The layer that it belongs to, if known.
        named_after: Other names that indicate its origin, such as those of its weights.
    """

    name: str
    operator: str
    reads: tuple[str, ...]
    array: Array
    layer: str = ""
    named_after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One value inside the examined network, compared with its counterpart.

    Attributes:
        source: The reference's operator that it comes from. Empty: none was found.
        layer: The layer of that operator.
        snr_db, max_abs: The agreement with its counterpart. None: it has none; max_abs also if it is not finite.
        added: The increase of its noise-to-signal ratio over that of the values that it reads.
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
    """The result for one stage or one file.

    Attributes:
        what: The stage's name, or the artifact's label.
        diverges: Whether an output diverges by more than the tolerance. None: nothing could be run.
        rows: Every value that was compared, in the order of execution.
        first: The name of the first value that diverges. Empty: none diverges, or none could be read.
        worst: The name of the value that adds most to the relative error, if no output diverges.
        note: A remark in one sentence.
    """

    what: str
    diverges: bool | None
    rows: tuple[Row, ...]
    first: str = ""
    worst: str = ""
    note: str = ""
