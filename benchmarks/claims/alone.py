"""One network for all widths is as good as networks trained alone, at less training (arXiv 1903.05134, section 4.1).

    python -m benchmarks.claims.alone --seeds 3

A step of the universally slimmable network trains four widths. So networks alone are shown for as many steps, and for
as many passes of a width: four times the steps.
"""

from __future__ import annotations

from benchmarks.claims.command import Measured, Request, main, table
from benchmarks.claims.compared import compared
from benchmarks.claims.hard_digits import TRAINING_IMAGES
from benchmarks.claims.macs import macs
from benchmarks.claims.trainings import LISTED, Training, build
from edge_export.training.classification import BATCH

WIDTHS_A_STEP = 4


def measure(request: Request) -> Measured:
    """Returns the errors at four widths, and what the trainings cost."""
    epochs = request.epochs

    def alone(seed: int, times: int) -> list[Training]:
        return [Training(seed, "every", False, (width,), times * epochs) for width in LISTED]

    measured = compared(
        request,
        {
            "universally slimmable": lambda seed: [Training(seed, epochs=epochs)],
            "alone, as many steps": lambda seed: alone(seed, 1),
            "alone, as many passes": lambda seed: alone(seed, WIDTHS_A_STEP),
        },
        LISTED,
    )
    return Measured((*measured.tables, _costs(epochs)), measured.lines)


def _costs(epochs: int) -> str:
    """Returns the forward MACs of each training, for the four widths and for all 31 of the grid; the mean of a draw."""
    network = build((LISTED[0], LISTED[-1]))
    of = {config.width_mult: macs(network, config) for config in network.space.all()}
    images = epochs * (TRAINING_IMAGES // BATCH) * BATCH
    between = sum(of.values()) / len(of)
    one = of[LISTED[0]] + of[LISTED[-1]] + 2 * between
    rows = [("universally slimmable", one, one)]
    for name, times in (("alone, as many steps", 1), ("alone, as many passes", WIDTHS_A_STEP)):
        rows.append((name, times * sum(of[width] for width in LISTED), times * sum(of.values())))
    return table(
        ("forward MACs of training, G", "4 widths", "31 widths"),
        [(name, *(f"{images * value / 1e9:.1f}" for value in values)) for name, *values in rows],
    )


if __name__ == "__main__":
    main(__doc__, measure)
