"""One network runs at any width, and its error falls with the width without a jump (arXiv 1903.05134, section 4).

    python -m benchmarks.claims.any_width --seeds 3

The grid has steps of 0.025. A jump would be an error that rises from one width to the next by more than the spread of
that rise over the seeds allows.
"""

from __future__ import annotations

from benchmarks.claims.command import Measured, Request, line, main, table
from benchmarks.claims.errors import errors, spread
from benchmarks.claims.trainings import Training, data_of, trained

WIDTHS = tuple(round(0.25 + 0.025 * step, 3) for step in range(31))


def measure(request: Request) -> Measured:
    """Returns the error at every width of the grid."""
    by_seed = [
        errors(trained(Training(seed, epochs=request.epochs), request.folder), data_of(seed), WIDTHS)
        for seed in request.seeds
    ]
    found = [spread(column) for column in zip(*by_seed, strict=True)]
    rises = [spread(e[i + 1] - e[i] for e in by_seed) for i in range(len(WIDTHS) - 1)]
    worst = max(range(len(rises)), key=lambda i: rises[i].mean)
    best = min(range(len(rises)), key=lambda i: rises[i].mean)
    grid = table(("width", "error, %"), zip(WIDTHS, found, strict=True))
    steps = table(
        ("step of the width", "error rises by, points"),
        [
            (f"{WIDTHS[i]} to {WIDTHS[i + 1]} ({name})", rises[i].signed())
            for name, i in (("largest rise", worst), ("largest fall", best))
        ]
        + [("all of them, mean", spread((e[-1] - e[0]) / (len(WIDTHS) - 1) for e in by_seed).signed())],
    )
    return Measured((grid, steps), (line("one network", WIDTHS, found),))


if __name__ == "__main__":
    main(__doc__, measure)
