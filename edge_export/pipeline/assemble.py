"""The worker task "assemble": names the configurations that a search has put together from the parts of a space."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from edge_export.errors import RequestError, raised
from edge_export.mothers.contract import name_of
from edge_export.mothers.protocol import SpaceOfParts
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.open_mother import MOST, parse_members
from edge_export.pipeline.opened import opened
from edge_export.workers.task import Message, WorkerTask

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Mother

MOST_PARTS = 1000


class AssembleRequest(Message):
    """The request of the worker task "assemble".

    Attributes:
        source: The mother.
        choices: For each configuration a choice for each part. Empty: only the parts are asked for.
    """

    source: MotherSource
    choices: tuple[tuple[int, ...], ...]


class AssembleAnswer(Message):
    """The answer of the worker task "assemble".

    Attributes:
        counts: The number of choices of each part.
        names: The name of each configuration. None: its choices do not go together.
    """

    counts: tuple[int, ...]
    names: tuple[str | None, ...]


def assemble(request: AssembleRequest) -> AssembleAnswer:
    """Names configurations.

    Raises:
        RequestError: The mother can't be opened, its space has no parts and too many configurations, or `parse` does
            not accept what `name` returns.
    """
    mother = opened(request.source).mother
    counts, build = _parts_of(mother)
    return AssembleAnswer(counts=counts, names=tuple(_name(mother, build, each) for each in request.choices))


def _parts_of(mother: Mother) -> tuple[tuple[int, ...], Callable[[Sequence[int]], Any]]:
    space = mother.space
    if not isinstance(space, SpaceOfParts):
        configs = list(itertools.islice(space.all(), MOST + 1))
        if len(configs) > MOST:
            raise RequestError(
                f"the mother has more than {MOST} configurations and no parts: give its space the methods parts and "
                "assemble, see edge_export/mothers/protocol.py"
            )
        return (len(configs),), lambda choices: configs[choices[0]]
    try:
        counts = tuple(int(count) for count in space.parts().values())
    except Exception as error:  # a stranger's code may raise anything
        raise RequestError(f"the parts of the mother's space failed with {raised(error)}: fix its method") from error
    if not 1 <= len(counts) <= MOST_PARTS or min(counts) < 1:
        raise RequestError(
            f"the mother's space has parts with {list(counts[:20])} choices: give 1 to {MOST_PARTS} parts, "
            "each with a choice at least"
        )
    return counts, space.assemble


def _name(mother: Mother, build: Callable[[Sequence[int]], Any], choices: tuple[int, ...]) -> str | None:
    try:
        config = build(choices)
    except RequestError:
        return None
    except Exception as error:  # a stranger's code may raise anything
        raise RequestError(f"the space can't assemble {list(choices)}: {raised(error)}") from error
    name = name_of(mother.space, config)
    ((_, parsed),) = parse_members(mother, name).items()
    if (again := name_of(mother.space, parsed)) != name:
        raise RequestError(f"the mother's space parses its own name {name} as {again}: mend name or parse")
    return name


ASSEMBLE = WorkerTask("assemble", AssembleRequest, AssembleAnswer, assemble)
