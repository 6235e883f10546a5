"""In-place distillation helps: the largest width teaches the others in each step (arXiv 1903.05134, section 3.4).

    python -m benchmarks.claims.distillation --seeds 3

Both sides train by the sandwich rule. Without distillation all widths learn the targets.
"""

from __future__ import annotations

from benchmarks.claims.command import Measured, Request, main
from benchmarks.claims.compared import SEVEN, compared
from benchmarks.claims.trainings import Training


def measure(request: Request) -> Measured:
    """Returns the errors with and without distillation."""
    return compared(
        request,
        {
            "distilled": lambda seed: [Training(seed, epochs=request.epochs)],
            "targets alone": lambda seed: [Training(seed, distilled=False, epochs=request.epochs)],
        },
        SEVEN,
    )


if __name__ == "__main__":
    main(__doc__, measure)
