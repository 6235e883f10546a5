"""The worker task "open": opens a mother, checks the requested members, writes the recorded data."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

from edge_export.errors import RequestError, one_line, raised
from edge_export.files.arrays import save_arrays
from edge_export.mothers.contract import name_of
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.opened import opened
from edge_export.spec.recorded import TARGETS, named
from edge_export.workers.task import FolderPath, Message, WorkerTask

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Config, Mother

INPUTS, HELD_OUT, EXTREMES = "inputs.safetensors", "held_out.safetensors", "extremes.safetensors"
"""The files that the worker task writes to its workdir. The held-out set is written only if there is one."""
ALL, MOST = "all", 256
"""The members that are the whole space, and how many it may have then."""
GRID = "grid"
"""The members that are the whole space, or both ends of one that has too many."""


class OpenRequest(Message):
    """The request of the worker task "open".

    Attributes:
        source: The mother.
        members: Configurations such as "0.25,1.0", or "all" or "grid". None: the smallest and the largest.
        workdir: An existing folder.
    """

    source: MotherSource
    members: str | None
    workdir: FolderPath


class OpenAnswer(Message):
    """The answer of the worker task "open".

    Attributes:
        members: The members' names by the text of their configurations.
        task: The mother's task.
        metric, unit: The task metric.
        baseline: The metric's value without a network. None: there is none.
        held_out: Whether there is a held-out set.
        sounds: The names of sound files of the goldens in the workdir.
        notes: How the checkpoint was read, where that is not plain.
        seconds: The duration.
    """

    members: dict[str, str]
    task: str
    metric: str
    unit: str
    baseline: float | None
    held_out: bool
    sounds: tuple[str, ...]
    notes: tuple[str, ...]
    seconds: float


def open_family(request: OpenRequest) -> OpenAnswer:
    """Opens a mother, checks the requested members, and writes the recorded data.

    Raises:
        RequestError: The mother, its checkpoint, its recordings or the members are not valid.
    """
    from edge_export.pipeline.recordings import baseline_value, metric_of, task_of

    started = time.monotonic()
    mother, recordings, notes = opened(request.source)
    workdir, io, space = request.workdir, mother.io, mother.space
    task, metric = task_of(request.source.spec, mother), metric_of(recordings)
    ends = ",".join(dict.fromkeys(name_of(space, config) for config in (space.smallest, space.largest)))
    text = ends if request.members is None else request.members
    if text == GRID:
        text = ALL if len(list(itertools.islice(space.all(), MOST + 1))) <= MOST else ends
    members = parse_members(mother, text)
    whole = io.stream is not None
    goldens = named(io.inputs, recordings.goldens, whole_recordings=whole)
    save_arrays(workdir / INPUTS, goldens)
    save_arrays(workdir / EXTREMES, task.extremes(io, goldens))
    baseline = None
    if recordings.targets is not None:
        targets = recordings.targets.numpy()
        baseline = baseline_value(metric, targets)
        held_out = named(io.inputs, recordings.held_out, whole_recordings=whole)
        save_arrays(workdir / HELD_OUT, held_out | {TARGETS: targets})
    sounds = task.write_goldens(workdir, "mixture", goldens[io.inputs[0].name], io)
    return OpenAnswer(
        members={text: name_of(space, config) for text, config in members.items()},
        task=task.name,
        metric=metric.name,
        unit=metric.unit,
        baseline=baseline,
        held_out=recordings.targets is not None,
        sounds=tuple(path.name for path in sounds),
        notes=notes,
        seconds=time.monotonic() - started,
    )


def parse_members(mother: Mother, text: str) -> dict[str, Config]:
    """Returns configurations by their text, from a list such as "0.25,0.5,1.0", or from "all".

    Raises:
        RequestError: An entry is empty, malformed, outside of the mother's space or repeated. The message names all.
    """
    if text.strip() == ALL:
        text = ",".join(_all_names(mother))
    members: dict[str, Config] = {}
    names: dict[str, str] = {}
    problems = []
    for entry in map(str.strip, text.split(",")):
        try:
            if not entry:
                raise RequestError("an entry is empty: separate configurations by single commas")
            config = mother.space.parse(entry)
            if config is None:
                raise RequestError(f"space.parse({entry!r}) returned None: return the configuration, or raise")
            name = name_of(mother.space, config)
        except RequestError as error:
            problems.append(str(error))
        except Exception as error:  # a user's own `parse` may raise anything
            problems.append(f"{entry!r} is not a configuration of the mother ({raised(error)})")
        else:
            if name in names and members[names[name]] != config:
                problems.append(f"{entry} and {names[name]} are both called {name}: give each a space.name of its own")
            elif name in names:
                problems.append(f"{entry} and {names[name]} are the same member: give it once")
            members[entry], names[name] = config, entry
    if problems:
        raise RequestError(f"--members {one_line(text, 60)}: " + "; ".join(problems))
    return members


def _all_names(mother: Mother) -> list[str]:
    """Returns the names of all configurations. Raises RequestError if they are too many."""
    names = [name_of(mother.space, config) for config in itertools.islice(mother.space.all(), MOST + 1)]
    if len(names) > MOST:
        raise RequestError(
            f"the mother has more than {MOST} configurations: give some of them as --members, or search --evolve"
        )
    return names


OPEN = WorkerTask("open", OpenRequest, OpenAnswer, open_family)
