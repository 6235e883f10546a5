"""Evolutionary search of a large space, by NSGA-II: few MACs and high quality at once.

The library is optuna: it has NSGA-II, whole numbers, and an interface that asks and is told, so that configurations are
evaluated in our workers. It brings SQLAlchemy, Alembic, Mako and colorlog, 37 MB in all. pymoo needs matplotlib, cma,
autograd, moocore and two more; nevergrad pins bayesian-optimization to one version, and needs pandas and cma. optuna's
storages are not used: all that is random comes from the seed, so a search that was stopped goes the same way again, and
finds what it has evaluated in the cache of steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.util import find_spec

from edge_export.errors import RequestError
from edge_export.search.candidates import Candidate
from edge_export.search.greedy import Assess, Choices

POPULATION = 16
UNCHANGED = 20
"""The search ends after so many generations in a row without a new configuration."""


def require_optuna() -> None:
    """Raises RequestError if optuna is not installed, before any work."""
    if find_spec("optuna") is None:
        raise RequestError("--evolve needs the package optuna: pip install edge_export[search]")


def evolve(counts: Sequence[int], assess: Assess, evaluations: int, seed: int) -> list[Candidate]:
    """Returns the candidates that it has evaluated, in their order. The same arguments give the same ones.

    Args:
        counts: The number of choices of each part.
        assess: Evaluates configurations.
        evaluations: The most configurations to evaluate. The smallest and the largest are among them.
        seed: The seed of all that is random.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.NSGAIISampler(population_size=POPULATION, seed=seed)
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=sampler)
    parts = [(f"part {index}", count - 1) for index, count in enumerate(counts)]
    study.enqueue_trial({name: 0 for name, _ in parts})
    study.enqueue_trial(dict(parts))
    known: dict[Choices, Candidate | None] = {}
    unchanged = 0
    while len(known) < min(evaluations, math.prod(counts)) and unchanged < UNCHANGED:
        trials = [study.ask() for _ in range(POPULATION)]
        asked = [tuple(trial.suggest_int(name, 0, most) for name, most in parts) for trial in trials]
        new = list(dict.fromkeys(choices for choices in asked if choices not in known))[: evaluations - len(known)]
        unchanged = 0 if new else unchanged + 1
        known |= zip(new, assess(new), strict=True)
        for trial, choices in zip(trials, asked, strict=True):
            candidate = known.get(choices)
            if candidate is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, (candidate.macs, candidate.metric))
    return [candidate for candidate in known.values() if candidate is not None]
