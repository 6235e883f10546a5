"""What the commands of all claims about separators have in common, besides `command.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch

from benchmarks.claims.command import Measured, Request, line, main, table
from benchmarks.claims.errors import Spread, spread
from benchmarks.claims.plot import Line
from benchmarks.claims.separators import EPOCHS, SETTINGS, SPACE, Training, build, gains, train_all
from edge_export.members.complexity import complexity
from edge_export.mothers.band_split.mother import DepthWidth

Trainings = Callable[[int, int], Sequence[Training]]
"""The trainings of a claim, for a seed and a number of epochs."""


@dataclass(frozen=True)
class Kind:
    """One side of a comparison.

    Attributes:
        training: Returns the training that serves a configuration, for (seed, epochs, configuration).
        mean_gates: Whether the gates are then fixed at their means.
    """

    training: Callable[[int, int, DepthWidth], Training]
    mean_gates: bool = False


def separator_main(doc: str | None, measure: Callable[[Request], Measured]) -> None:
    """Measures a claim about separators. Trainings are distributed over `--jobs` processes."""
    main(doc, measure, EPOCHS, "gain, dB", with_jobs=True)


def trainings_of(kinds: Mapping[str, Kind], seed: int, epochs: int) -> list[Training]:
    """Returns each training that the kinds need for a seed once."""
    needed = (kind.training(seed, epochs, config) for kind in kinds.values() for config in SPACE.all())
    return list(dict.fromkeys(needed))


def compared_separators(request: Request, kinds: Mapping[str, Kind]) -> Measured:
    """Returns a table of gains at each configuration, and one of the differences from the first kind, seed by seed."""
    found = {name: gains_of(request, kind) for name, kind in kinds.items()}
    first, *others = found
    configs = {SPACE.name(config): config for config in SPACE.all()}
    rows = [
        (name, f"{macs(config) / 1e6:.1f} M", *(db(values[name]) for values in found.values()))
        for name, config in configs.items()
    ]
    differences = [
        (name, *(difference(found[other][name], found[first][name]) for other in others)) for name in configs
    ]
    means = ("mean", "", *(db(mean_of(values)) for values in found.values()))
    mean_differences = ("mean", *(difference(mean_of(found[other]), mean_of(found[first])) for other in others))
    return Measured(
        (
            table(("gain, dB", "MACs a second", *found), [*rows, means]),
            table(
                ("difference, dB", *(f"{other} minus {first}" for other in others)), [*differences, mean_differences]
            ),
        ),
        tuple(over_macs(name, values) for name, values in found.items()),
        "million MACs a second of sound",
    )


def gains_of(request: Request, kind: Kind) -> dict[str, list[float]]:
    """Returns the gain of each seed by the name of the configuration."""
    train_all(
        (t for seed in request.seeds for t in trainings_of({"": kind}, seed, request.epochs)),
        request.folder,
        request.jobs,
    )
    found: dict[str, list[float]] = {}
    for config in SPACE.all():
        of = [gains(kind.training(seed, request.epochs, config), request.folder) for seed in request.seeds]
        name = SPACE.name(config)
        found[name] = [(each.mean_gates if kind.mean_gates else each.plain)[name] for each in of]
    return found


def mean_of(values: Mapping[str, Sequence[float]]) -> list[float]:
    """Returns the mean over all configurations, for each seed."""
    return [sum(column) / len(column) for column in zip(*values.values(), strict=True)]


def db(values: Sequence[float]) -> Spread:
    """Returns the spread of gains over the seeds."""
    return spread(values, decimals=2)


def difference(values: Sequence[float], base: Sequence[float]) -> str:
    """Returns the spread of differences seed by seed."""
    return db([value - other for value, other in zip(values, base, strict=True)]).signed()


def over_macs(name: str, values: Mapping[str, Sequence[float]], configs: Sequence[DepthWidth] = ()) -> Line:
    """Returns a line of the plot, through `configs` (none: all) in the order of their MACs."""
    ordered = sorted(configs or SPACE.all(), key=macs)
    return line(name, [macs(c) / 1e6 for c in ordered], [db(values[SPACE.name(c)]) for c in ordered])


@cache
def macs(config: DepthWidth) -> float:
    """Returns the multiply-accumulates of a member for one second of sound."""
    mother = build(Training(0))
    inputs = mother.example_inputs(config)
    counted = complexity(torch.export.export(mother.extract(config), inputs)).macs
    return counted * SETTINGS.sample_rate / inputs[0].shape[-1]
