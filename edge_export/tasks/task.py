"""What a task is: everything that depends on what a network is for, in one record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from edge_export.files.arrays import Array
from edge_export.spec.metric import Metric
from edge_export.spec.tensors import IOSpec


@dataclass(frozen=True)
class Ran:
    """What a runtime gave, by the member's names of outputs, and how many seconds all the calls took."""

    outputs: dict[str, Array]
    runtime: str
    seconds: float


class RunMember(Protocol):
    """Runs a member on its inputs, `(count, …)` by name; recordings if it streams."""

    def __call__(
        self, inputs: dict[str, Array], *, timeout_s: float, on_calls: Callable[[int], None] = lambda _: None
    ) -> Ran: ...


@dataclass(frozen=True)
class PredictionRequest:
    """A user's own file, to be given to a member.

    Attributes:
        about: Which member and which artifact of it runs.
        io: The member's inputs and outputs.
        source: The file.
        output: Where the result goes; None to show it only.
        report: Told how many calls of how many are done.
    """

    about: dict[str, str]
    io: IOSpec
    source: Path
    output: Path | None
    report: Callable[[int, int], None] = lambda _done, _calls: None


@dataclass(frozen=True)
class Prediction:
    """A result: the lines that a person reads, and the same for machines (JSON)."""

    lines: tuple[str, ...]
    record: dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes:
        name: Its key in the table of tasks.
        description: One line for people.
        metric: How well a network does it, unless its mother brings another metric.
        fits: Whether a mother with such inputs and outputs can be for this task.
        read_files: From the user's files and a mother's io to one list of arrays for each recording, one `(count, …)`
            for each input; None where the files are of no kind that the task reads.
        max_goldens: How many recordings of a folder become goldens.
        extremes: From a mother's io and golden inputs to one sample of each of `extremes.KINDS` for every input.
        write_goldens: Writes arrays as files that people can look at or listen to, and returns them: from a folder, a
            prefix of their names, the arrays of one input or output, and the mother's io.
        predict: From a user's own file to a result.
    """

    name: str
    description: str
    metric: Metric
    fits: Callable[[IOSpec], bool]
    read_files: Callable[[Sequence[Path], IOSpec], list[list[Array]] | None]
    max_goldens: int
    extremes: Callable[[IOSpec, dict[str, Array]], dict[str, Array]]
    write_goldens: Callable[[Path, str, Array, IOSpec], list[Path]]
    predict: Callable[[PredictionRequest, RunMember], Prediction]
