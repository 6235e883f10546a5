"""Full and random (arXiv 2312.03464, section 3.3) against the sandwich rule (arXiv 1903.05134, section 3.3).

    python -m benchmarks.claims.subnetworks_rules --seeds 3

Each step trains the full network and a random one by the targets; these two and the smallest; or, as the sandwich rule
has it, the full network by the targets, and the smallest and two random ones by its prediction. So a step trains two,
three or four networks. Full and random is therefore shown for twice the steps, too: as many passes as the sandwich.
"""

from __future__ import annotations

from benchmarks.claims.command import Measured, Request
from benchmarks.claims.separator_command import Kind, compared_separators, separator_main
from benchmarks.claims.separators import Training

KINDS = {
    "full and random": Kind(lambda seed, epochs, config: Training(seed, epochs=epochs)),
    "full, smallest, random": Kind(lambda seed, epochs, config: Training(seed, rule="ends", epochs=epochs)),
    "sandwich, distilled": Kind(lambda seed, epochs, config: Training(seed, rule="sandwich", epochs=epochs)),
    "full and random, twice": Kind(lambda seed, epochs, config: Training(seed, epochs=2 * epochs)),
}


def measure(request: Request) -> Measured:
    """Returns the gains of the rules at all depths and widths."""
    return compared_separators(request, KINDS)


if __name__ == "__main__":
    separator_main(__doc__, measure)
