"""Combines the values that were read inside a file, from several samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_export.bisect.values import Value
from edge_export.files.arrays import Array


@dataclass(frozen=True)
class Operator:
    """One operator of a file.

    Attributes:
        name: The operator's type, such as "CONV_2D".
        writes, reads: The names of its results, and of its inputs.
        named_after: As in `Value`.
    """

    name: str
    writes: tuple[str, ...]
    reads: tuple[str, ...]
    named_after: tuple[str, ...] = ()


def values_of(operators: Sequence[Operator], samples: Sequence[Mapping[str, Array]]) -> list[Value]:
    """Returns the floating-point values of all operators, in order. Every sample must have them.

    Args:
        samples: The values of each sample by name.
    """
    values = []
    for operator in operators:
        for name in operator.writes:
            each = [sample[name] for sample in samples if name in sample]
            if each and len(each) == len(samples) and each[0].dtype.kind == "f" and each[0].size:
                stacked = np.stack(each).astype(np.float32)
                values.append(Value(name, operator.name, operator.reads, stacked, "", operator.named_after))
    return values
