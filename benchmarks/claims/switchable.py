"""A universally slimmable network is as good as one with switchable BatchNorm at its widths (arXiv 1903.05134, 4.1).

    python -m benchmarks.claims.switchable --seeds 3

The slimmable network (arXiv 1812.08928) has a BatchNorm for each of four widths, and trains all four in every step by
the targets. The universally slimmable one trains four widths in every step too, with distillation and without.
"""

from __future__ import annotations

from benchmarks.claims.command import Measured, Request, main
from benchmarks.claims.compared import compared
from benchmarks.claims.trainings import LISTED, Training


def measure(request: Request) -> Measured:
    """Returns the errors at the listed widths."""
    epochs = request.epochs
    return compared(
        request,
        {
            "switchable BatchNorm": lambda seed: [Training(seed, "every", False, LISTED, epochs)],
            "universally slimmable": lambda seed: [Training(seed, epochs=epochs)],
            "the same, targets alone": lambda seed: [Training(seed, distilled=False, epochs=epochs)],
        },
        LISTED,
    )


if __name__ == "__main__":
    main(__doc__, measure)
