"""Greedy slimming: from the largest configuration down, one part at a time (arXiv 1903.05134, 1903.11728).

A slimmable network gives the quality of any configuration without training. So the path starts at the largest one.
Each step makes every part smaller by one choice, one part at a time, and keeps the one that costs the least quality for
the MACs that it saves:

    loss per MAC = (quality now - quality then) / (MACs now - MACs then)

Of equal ones, the one that saves the most MACs is kept. The path ends where no part can be smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edge_export.search.candidates import Candidate

Choices = tuple[int, ...]
"""A choice for each part of a space, from 0, the smallest, on."""
Assess = Callable[[Sequence[Choices]], Sequence[Candidate | None]]
"""Evaluates configurations. None: it can't be made."""


def slim(counts: Sequence[int], assess: Assess, enough: Callable[[Candidate], bool]) -> list[Candidate]:
    """Returns the path from the largest configuration to the smallest, or to the first that is `enough`.

    Args:
        counts: The number of choices of each part.
        assess: Evaluates configurations.
        enough: Whether a configuration needs to be no smaller.
    """
    here = tuple(count - 1 for count in counts)
    (now,) = assess([here])
    path: list[Candidate] = []
    while now is not None:
        path.append(now)
        if enough(now):
            break
        smaller = [
            tuple(choice - (part == slimmed) for part, choice in enumerate(here))
            for slimmed in range(len(here))
            if here[slimmed] > 0
        ]
        step = _least_loss(now, zip(smaller, assess(smaller), strict=True)) if smaller else None
        if step is None:
            break
        here, now = step
    return path


def _least_loss(now: Candidate, steps: zip[tuple[Choices, Candidate | None]]) -> tuple[Choices, Candidate] | None:
    """Returns the step that loses the least quality for each MAC that it saves. None: none saves any."""
    saving = [(choices, then) for choices, then in steps if then is not None and then.macs < now.macs]

    def loss(step: tuple[Choices, Candidate]) -> tuple[float, int]:
        saved = now.macs - step[1].macs
        return (now.metric - step[1].metric) / saved, -saved

    return min(saving, key=loss, default=None)
