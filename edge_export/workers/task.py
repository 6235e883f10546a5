"""What a worker may be asked to do: a task with a checked request and a checked answer, both JSON on their way.

A task is defined in one module, which both sides import: its request, its answer, and the function in between. That
module must import quickly; what is heavy is imported inside the function.

The type of a path in a request says what becomes of it when the worker is on another machine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, cast, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter

from edge_export.spec.lazy import resolve


class Travel(Enum):
    """What becomes of a path on the way to another machine."""

    INPUT = "a file or folder that the task reads"
    FOLDER = "a folder of the task's own, that it reads and writes"
    OUTPUT = "a file that the task writes"
    STAY = "the path means the same on every machine"


_Absolute = AfterValidator(Path.absolute)
InputPath = Annotated[Path, _Absolute, Travel.INPUT]
FolderPath = Annotated[Path, _Absolute, Travel.FOLDER]
OutputPath = Annotated[Path, _Absolute, Travel.OUTPUT]
StayingPath = Annotated[Path, _Absolute, Travel.STAY]


class Message(BaseModel):
    """A request or an answer: frozen, nothing unknown is let in, and infinity and NaN stay what they are in JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


@dataclass(frozen=True)
class WorkerTask[Request: Message, Answer]:
    """A task.

    Attributes:
        name: Its key in the table of tasks.
        request: The type of what it takes.
        answer: The type of what it gives: a `Message`, or anything else that pydantic can check.
        run: From one to the other, called in a worker process. Paths are absolute: a worker's current folder is a
            scratch folder of its own.
    """

    name: str
    request: type[Request]
    answer: type[Answer]
    run: Callable[[Request], Answer]

    def write_answer(self, answer: Answer) -> Any:
        """An answer as JSON."""
        return _adapter(cast(Hashable, self.answer)).dump_python(answer, mode="json")

    def read_answer(self, data: Any) -> Answer:
        """An answer from JSON; ValueError for anything that the task can't have given."""
        answer: Answer = _adapter(cast(Hashable, self.answer)).validate_python(data)
        return answer


@dataclass(frozen=True)
class PathField:
    """A path in a request: the names that lead to it, what becomes of it, and the path itself."""

    location: tuple[str, ...]
    travel: Travel
    path: Path

    @property
    def name(self) -> str:
        return ".".join(self.location)


def path_fields(request: Message) -> Iterator[PathField]:
    """Every path in a request, nested ones included.

    Raises:
        TypeError: The type of a path does not say how it travels.
    """
    for name, field in type(request).model_fields.items():
        value = getattr(request, name)
        if isinstance(value, Message):
            for inner in path_fields(value):
                yield PathField((name, *inner.location), inner.travel, inner.path)
        elif isinstance(value, Path):
            travels = [each for each in _metadata(field.annotation, field.metadata) if isinstance(each, Travel)]
            if len(travels) != 1:
                raise TypeError(
                    f"{type(request).__name__}.{name} is a path: declare it as InputPath or another of those"
                )
            yield PathField((name,), travels[0], value)


def task_named(table: Mapping[str, str], name: str) -> WorkerTask[Any, Any]:
    """The task that a table, name -> "module:NAME", has under `name`; KeyError when there is none."""
    task: WorkerTask[Any, Any] = resolve(table[name])
    return task


@functools.cache
def _adapter(answer: Any) -> TypeAdapter[Any]:
    return TypeAdapter(answer)


def _metadata(annotation: Any, metadata: list[Any]) -> Iterator[Any]:
    """What is said of a type, also where it is one of a union: `InputPath | None`."""
    yield from metadata
    for inner in get_args(annotation):
        yield from getattr(inner, "__metadata__", ())
