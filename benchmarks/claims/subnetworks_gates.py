"""Gates on, off and fixed (arXiv 2312.03464, section 2.3).

    python -m benchmarks.claims.subnetworks_gates --seeds 3

On: each sub-module has a TAC gate, a number between 0 and 1 for every frame and band, made from its own output and from
those of the other active ones. Off: there are none, in training either; a layer is the plain mean of its sub-modules.
Fixed, learned: each sub-module has one number, learned in its gate's place. Fixed, mean: the network with gates on,
each gate replaced after training by its mean over the training songs, at each depth and width; then statistics are
computed anew.
"""

from __future__ import annotations

from benchmarks.claims.command import Measured, Request
from benchmarks.claims.separator_command import Kind, compared_separators, separator_main
from benchmarks.claims.separators import Training

KINDS = {
    "on": Kind(lambda seed, epochs, config: Training(seed, epochs=epochs)),
    "off": Kind(lambda seed, epochs, config: Training(seed, gates="off", epochs=epochs)),
    "fixed, learned": Kind(lambda seed, epochs, config: Training(seed, gates="fixed", epochs=epochs)),
    "fixed, mean": Kind(lambda seed, epochs, config: Training(seed, epochs=epochs), mean_gates=True),
}


def measure(request: Request) -> Measured:
    """Returns the gains of the kinds of gates at all depths and widths."""
    return compared_separators(request, KINDS)


if __name__ == "__main__":
    separator_main(__doc__, measure)
