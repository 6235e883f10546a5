"""Searches a space beyond the configurations that it lists: by greedy slimming, or by evolution."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from edge_export.pipeline.assemble import ASSEMBLE, AssembleAnswer, AssembleRequest
from edge_export.pipeline.context import BuildRequest, Progress
from edge_export.pipeline.evaluate import Evaluated, Evaluator, evaluator
from edge_export.pipeline.mother_source import submit_for_mother
from edge_export.pipeline.open_mother import GRID
from edge_export.search import Budget, Candidate
from edge_export.search.evolution import evolve, require_optuna
from edge_export.search.greedy import Choices, slim


@dataclass(frozen=True)
class Evolution:
    """An evolutionary search.

    Attributes:
        evaluations: The most configurations to evaluate, besides those that are listed.
        seed: The seed of all that is random.
    """

    evaluations: int
    seed: int


def explore(request: BuildRequest, progress: Progress, budget: Budget, evolution: Evolution | None) -> Evaluated:
    """Evaluates `request.members`, and then what a search finds. `request.out` is not written.

    Args:
        request: Its members None: all of the mother's space, or both ends of a space of too many.
        budget: A greedy search ends at the first configuration whose cost is within it, if it limits any.
        evolution: None: greedy slimming.

    Raises:
        RequestError: As `evaluate`; or optuna is not installed, or the space is not made for a search.
    """
    if evolution is not None:
        require_optuna()
    request = dataclasses.replace(request, members=request.members or GRID)
    with evaluator(request, progress) as evaluating:
        counts = _assembled(evaluating, ()).counts

        def assess(choices: Sequence[Choices]) -> list[Candidate | None]:
            names = _assembled(evaluating, choices).names
            made = list(dict.fromkeys(name for name in names if name is not None))
            found = dict(zip(made, evaluating({name: name for name in made}), strict=True))
            return [None if name is None else found[name] for name in names]

        if evolution is None:
            limited = budget != Budget(quality=budget.quality)
            slim(counts, assess, lambda candidate: limited and budget.affords(candidate))
        else:
            evolve(counts, assess, evolution.evaluations, evolution.seed)
        return evaluating.evaluated()


def _assembled(evaluating: Evaluator, choices: Sequence[Choices]) -> AssembleAnswer:
    context = evaluating.context
    request = AssembleRequest(source=context.request.mother, choices=tuple(choices))
    log = context.request.logs / "mother.log"
    return submit_for_mother(context.workers, ASSEMBLE, request, context.request.mother, log)
