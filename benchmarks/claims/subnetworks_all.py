"""Trains and scores all that the claims about subnetworks of separators need; their commands then only read.

python -m benchmarks.claims.subnetworks_all --seeds 3 --jobs 2
"""

from __future__ import annotations

from benchmarks.claims import (
    subnetworks_alone,
    subnetworks_cut,
    subnetworks_depth,
    subnetworks_gates,
    subnetworks_rules,
)
from benchmarks.claims.command import Measured, Request, table
from benchmarks.claims.separator_command import separator_main, trainings_of
from benchmarks.claims.separators import train_all

CLAIMS = (subnetworks_alone, subnetworks_rules, subnetworks_gates, subnetworks_depth, subnetworks_cut)


def measure(request: Request) -> Measured:
    """Returns how many trainings there are."""
    trainings = [
        training
        for seed in request.seeds
        for claim in CLAIMS
        for training in trainings_of(claim.KINDS, seed, request.epochs)
    ]
    train_all(trainings, request.folder, request.jobs)
    return Measured((table(("trainings",), [(len(set(trainings)),)]),), ())


if __name__ == "__main__":
    separator_main(__doc__, measure)
