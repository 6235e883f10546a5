"""Subnetworks cut from a network that was trained at full size only are far worse (arXiv 2312.03464).

    python -m benchmarks.claims.subnetworks_cut --seeds 3

Both networks have the same shape and as many steps. The elastic one trains the full network and a random depth and
width in each step, the other the full network alone. Statistics are computed anew at each depth and width of both.
"""

from __future__ import annotations

from benchmarks.claims.command import Measured, Request
from benchmarks.claims.separator_command import Kind, compared_separators, separator_main
from benchmarks.claims.separators import FULL, Training

KINDS = {
    "trained at random sizes": Kind(lambda seed, epochs, config: Training(seed, epochs=epochs)),
    "trained at full size only": Kind(lambda seed, epochs, config: Training(seed, alone=FULL, epochs=epochs)),
}


def measure(request: Request) -> Measured:
    """Returns the gains of subnetworks cut from both networks."""
    return compared_separators(request, KINDS)


if __name__ == "__main__":
    separator_main(__doc__, measure)
