"""Widths chosen for each layer by greedy slimming beat one width for all at the same MACs (arXiv 1903.11728).

    python -m benchmarks.claims.greedy --seeds 3

One network, trained by the sandwich rule with distillation. Half of the held-out scans choose; errors are those on the
other half, of single widths too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from benchmarks.claims import hard_digits
from benchmarks.claims.command import Measured, Request, line, main, table
from benchmarks.claims.compared import SEVEN
from benchmarks.claims.errors import error_at, spread
from benchmarks.claims.macs import macs
from benchmarks.claims.trainings import Training, data_of, trained
from edge_export.data.labeled_images import LabeledImages
from edge_export.mothers.us_mobilenet.mother import UsMobileNet
from edge_export.mothers.us_mobilenet.width_space import Width
from edge_export.search.candidates import Candidate
from edge_export.search.greedy import Choices, slim

WIDTHS = SEVEN[1:-1]
"""Not the ends: there is one network only."""


def measure(request: Request) -> Measured:
    """Returns the errors at the MACs of some single widths."""
    rows: list[tuple[list[float], list[float], list[float]]] = []
    for seed in request.seeds:
        mother: UsMobileNet = trained(Training(seed, epochs=request.epochs), request.folder)
        choosing, judging = halves(data_of(seed))
        budgets = [macs(mother, Width(width)) for width in WIDTHS]
        path = greedy_path(mother, choosing, budgets[0])
        chosen = [next(candidate for candidate in path if candidate.macs <= budget) for budget in budgets]
        rows.append(
            (
                [error_at(mother, judging, Width(width)) for width in WIDTHS],
                [error_at(mother, judging, mother.space.parse(candidate.config)) for candidate in chosen],
                [100 * candidate.macs / budget for candidate, budget in zip(chosen, budgets, strict=True)],
            )
        )
    single, greedy, share = ([spread(column) for column in zip(*kind, strict=True)] for kind in zip(*rows, strict=True))
    minus = [
        spread(greedy_errors[i] - single_errors[i] for single_errors, greedy_errors, _ in rows)
        for i in range(len(WIDTHS))
    ]
    head = [f"MACs of {width:g}" for width in WIDTHS]
    return Measured(
        (
            table(("error, %", *head), [("one width", *single), ("by greedy slimming", *greedy)]),
            table(
                ("", *head),
                [
                    ("greedy minus one width, points", *(each.signed() for each in minus)),
                    ("MACs of greedy, % of the width's", *share),
                ],
            ),
        ),
        (line("one width", WIDTHS, single), line("by greedy slimming", WIDTHS, greedy)),
        "width whose MACs are the limit",
    )


def halves(data: LabeledImages) -> tuple[LabeledImages, LabeledImages]:
    """Splits the held-out images into two halves, so that no scan is in both."""
    scans = len(data.held_out_images) // hard_digits.VIEWS
    # The views of a scan stand as far apart as there are scans.
    first = torch.arange(len(data.held_out_images)) % scans < scans // 2
    choosing, judging = (
        dataclasses.replace(
            data, held_out_images=data.held_out_images[part], held_out_targets=data.held_out_targets[part]
        )
        for part in (first, ~first)
    )
    return choosing, judging


def greedy_path(mother: UsMobileNet, choosing: LabeledImages, least: int) -> list[Candidate]:
    """Returns the path of greedy slimming from the largest configuration to the first with at most `least` MACs."""

    def assess(choices: Sequence[Choices]) -> list[Candidate]:
        found = []
        for each in choices:
            config = mother.space.assemble(each)
            name = mother.space.name(config)
            params = sum(parameter.numel() for parameter in mother.extract(config).parameters())
            found.append(
                Candidate(
                    name,
                    config=name,
                    metric=100 - error_at(mother, choosing, config),
                    macs=macs(mother, config),
                    params=params,
                    weight_bytes=4 * params,
                    peak_activation_bytes=0,  # no limit asks for it
                )
            )
        return found

    counts = tuple(mother.space.parts().values())
    return slim(counts, assess, lambda candidate: candidate.macs <= least)


if __name__ == "__main__":
    main(__doc__, measure)
