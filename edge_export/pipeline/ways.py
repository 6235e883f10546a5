"""The other ways to make an artifact, where the usual one makes no right file: which there are, and when they help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_export.bundle.numerics import ArtifactRun
from edge_export.errors import one_line
from edge_export.formats import FORMATS
from edge_export.formats.descriptor import Option
from edge_export.pipeline.target import ArtifactPlan
from edge_export.verify.suggestions import problem_of
from edge_export.workers.environments import ENVIRONMENTS, interpreter

MOST = 300
"""The letters of a reason in a note."""


@dataclass(frozen=True)
class Way:
    """A way to make a file.

    Attributes:
        name: Its name in options, and in those of the cache.
        description: What is done in it, for users. Empty: the usual way.
        options: The options of the format's converter that select it.
    """

    name: str
    description: str
    options: Mapping[str, Option] = field(hash=False)


USUAL = Way("", "", {})


def other_ways(plan: ArtifactPlan) -> tuple[Way, ...]:
    """Returns the ways to try in order after the usual one. None, if the options of the target name one."""
    known = FORMATS[plan.format]
    if "way" in plan.options:
        return ()
    texts = known.ways_of(plan.backend)
    if plan.backend in known.others:
        return tuple(Way(name, text, {"way": name}) for name, text in texts.items())
    present = {name: options for name, options in known.environments.items() if interpreter(name)}
    # The converter's own fallback is slow: each way is tried without it first, and with it last.
    slow = {name: present[name] for name in known.falls_back if name in present}
    direct = known.direct if slow and not known.direct.keys() & plan.options.keys() else {}
    ways = [Way(name, text, {"way": name, **direct}) for name, text in texts.items()]
    ways += [Way(name, f"the environment {name}", options) for name, options in present.items()]
    ways += [
        Way(f"{name}-{other}", f"{text}, in the environment {other}", {"way": name, **options})
        for name, text in texts.items()
        for other, options in slow.items()
    ]
    return tuple(way for way in ways if not way.options.keys() & plan.options.keys())


def may_help(run: ArtifactRun, precision: str, *, mildest: bool = False) -> bool:
    """Returns whether another way may make a right file, where one has made none or a wrong one.

    float16 is as coarse in any way. int8 has its schemes for what is too coarse; only what is wrong in the mildest one
    may be the converter's fault.

    Args:
        mildest: Whether no milder scheme is left to try.
    """
    if run.verdict == "error" or (run.verdict == "failed" and run.agreement is None):
        return True
    if run.verdict != "failed" or run.agreement is None or (precision == "int8" and not mildest):
        return False
    return precision == "fp32" or problem_of(run.agreement) in ("wrong", "not finite")


def notes(taken: Way, rejected: Mapping[Way, str]) -> tuple[str, ...]:
    """Returns what to tell of the ways: the one that was taken, and why the others were not, by their reasons."""
    same: dict[str, list[str]] = {}
    for way, why in rejected.items():
        same.setdefault(why, []).append(way.description or "the usual way")
    told = [f"not taken, {', '.join(ways)}: {one_line(why, MOST)}" for why, ways in same.items()]
    return (*([f"made in another way: {taken.description}"] if taken.description else []), *told)


def offer(plan: ArtifactPlan) -> str:
    """Returns how to set up a way that is not tried here. Empty: there is none."""
    known = FORMATS[plan.format]
    if plan.backend in known.others:
        return ""
    missing = (name for name, o in known.environments.items() if not interpreter(name) and not o.keys() & plan.options)
    return "; ".join(
        f"or run `edge_export doctor --setup {name}` for {ENVIRONMENTS[name].description}" for name in missing
    )
