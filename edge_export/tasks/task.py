"""The record of a task: everything that depends on what a network is for."""

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
    """The outputs of a runtime, by the member's output names, and the time of all calls in seconds."""

    outputs: dict[str, Array]
    runtime: str
    seconds: float


class RunMember(Protocol):
    """Runs a member on its inputs, `(count, …)` by name; on recordings if it streams.

    `on_calls` is called with the number of finished calls.
    """

    def __call__(
        self, inputs: dict[str, Array], *, timeout_s: float, on_calls: Callable[[int], None] = lambda _: None
    ) -> Ran: ...


@dataclass(frozen=True)
class PredictionRequest:
    """A request to run a member on a user's file.

    Attributes:
        about: The names of the member and of its artifact.
        io: The member's inputs and outputs.
        source: The file.
        output: The path of the result; None: the result is only printed.
        report: Called with (finished calls, calls in total).
    """

    about: dict[str, str]
    io: IOSpec
    source: Path
    output: Path | None
    report: Callable[[int, int], None] = lambda _done, _calls: None


@dataclass(frozen=True)
class Prediction:
    """A result as lines to print, and as a record for JSON."""

    lines: tuple[str, ...]
    record: dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A task.

    Attributes:
        name: The key in the table of tasks.
        description: One line about the task.
        metric: The task metric, unless the mother defines another.
        fits: Returns whether a mother with such inputs and outputs can have this task.
        read_files: Reads the user's files for a mother's io. Returns one list of arrays for each recording, with one
            `(count, …)` for each input. Returns None if the task cannot read such files.
        max_goldens: The maximum number of recordings of a folder that become goldens.
        extremes: Returns one sample of each of `extremes.KINDS` for every input, from a mother's io and golden inputs.
        write_goldens: Writes arrays as files to look at or listen to, and returns their paths. Its arguments are a
            folder, a prefix of the names, the arrays of one input or output, and the mother's io.
        predict: Returns the result for a user's file.
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
