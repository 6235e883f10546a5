"""Subnetworks of one training are better than the same networks trained alone (arXiv 2312.03464).

    python -m benchmarks.claims.subnetworks_alone --seeds 3

Each step of the elastic network trains the full network and a random depth and width. Networks alone are shown for as
many steps each, and for as many steps in all: a ninth each.
"""

from __future__ import annotations

from benchmarks.claims.command import Measured, Request, table
from benchmarks.claims.separator_command import Kind, compared_separators, macs, separator_main
from benchmarks.claims.separators import PLAN, SPACE, Training

KINDS = {
    "one network": Kind(lambda seed, epochs, config: Training(seed, epochs=epochs)),
    "alone, as many steps each": Kind(
        lambda seed, epochs, config: Training(seed, alone=SPACE.name(config), epochs=epochs)
    ),
    "alone, as many steps in all": Kind(
        lambda seed, epochs, config: Training(seed, alone=SPACE.name(config), epochs=shared(epochs))
    ),
}


def shared(epochs: int) -> int:
    """Returns the epochs of each network alone if all of them share those of one training, at least one."""
    return max(1, epochs // len(SPACE.all()))


def measure(request: Request) -> Measured:
    """Returns the gains at all depths and widths, and what the trainings cost."""
    measured = compared_separators(request, KINDS)
    return Measured((*measured.tables, _costs(request.epochs)), measured.lines, measured.across)


def _costs(epochs: int) -> str:
    """Returns the steps and the forward MACs of training all nine; the mean of a draw."""
    count, every = len(SPACE.all()), sum(macs(config) for config in SPACE.all())
    steps, seconds = epochs * PLAN.batches_per_epoch, PLAN.batch * PLAN.seconds
    few = shared(epochs) * PLAN.batches_per_epoch
    rows = [
        ("one network", 1, steps, steps * (macs(SPACE.largest) + every / count)),
        ("alone, as many steps each", count, count * steps, steps * every),
        ("alone, as many steps in all", count, count * few, few * every),
    ]
    return table(
        ("training of all nine", "networks", "steps in all", "forward MACs, G"),
        [(name, networks, total, f"{seconds * cost / 1e9:.0f}") for name, networks, total, cost in rows],
    )


if __name__ == "__main__":
    separator_main(__doc__, measure)
