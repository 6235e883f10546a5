"""The sandwich rule beats random widths alone, at both ends above all (arXiv 1903.05134, section 3.3).

    python -m benchmarks.claims.sandwich --seeds 3

Every step trains four widths by the targets, without distillation: smallest, largest and two random ones; four random
ones; the smallest and three random ones; the largest and three random ones.
"""

from __future__ import annotations

from benchmarks.claims.command import Measured, Request, main
from benchmarks.claims.compared import SEVEN, compared
from benchmarks.claims.trainings import Training


def measure(request: Request) -> Measured:
    """Returns the errors of four rules."""
    rules = {
        "sandwich": "sandwich",
        "four random": "random_widths",
        "smallest, three random": "smallest_and_random",
        "largest, three random": "largest_and_random",
    }
    return compared(
        request,
        {
            name: lambda seed, rule=rule: [Training(seed, rule, distilled=False, epochs=request.epochs)]
            for name, rule in rules.items()
        },
        SEVEN,
    )


if __name__ == "__main__":
    main(__doc__, measure)
