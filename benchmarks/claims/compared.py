"""Kinds of training side by side: the error of each at some widths, and its difference from the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.claims.command import Measured, Request, line, table
from benchmarks.claims.errors import errors, spread
from benchmarks.claims.trainings import Training, data_of, trained

SEVEN = (0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)
Kinds = Mapping[str, Callable[[int], Sequence[Training]]]
"""By name: the trainings of a seed. One serves all widths; several serve a width each, in their order."""


def compared(request: Request, kinds: Kinds, widths: Sequence[float]) -> Measured:
    """Returns a table of errors and one of the differences from the first kind, seed by seed."""
    found = {
        name: [_errors(request, trainings(seed), seed, widths) for seed in request.seeds]
        for name, trainings in kinds.items()
    }
    first, *others = found
    head = ("", *(f"width {width:g}" for width in widths))
    rows = {name: [spread(column) for column in zip(*by_seed, strict=True)] for name, by_seed in found.items()}
    differences = [
        (
            f"{name} minus {first}",
            *(
                spread(e[i] - base[i] for e, base in zip(found[name], found[first], strict=True)).signed()
                for i in range(len(widths))
            ),
        )
        for name in others
    ]
    return Measured(
        (
            table(("error, %", *head[1:]), [(name, *row) for name, row in rows.items()]),
            table(("difference, points", *head[1:]), differences),
        ),
        tuple(line(name, widths, row) for name, row in rows.items()),
    )


def _errors(request: Request, trainings: Sequence[Training], seed: int, widths: Sequence[float]) -> list[float]:
    if len(trainings) == 1:
        return errors(trained(trainings[0], request.folder), data_of(seed), widths)
    return [
        errors(trained(training, request.folder), data_of(seed), (width,))[0]
        for training, width in zip(trainings, widths, strict=True)
    ]
