"""Worker tasks: a function with a validated request and a validated answer, both sent as JSON.

One module defines a task: its request, its answer and its function. Both the caller and the worker import that module.
It must import quickly, so the function imports heavy libraries itself.

The type of a path in a request defines how the path is handled when the worker is on another machine.
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
    """How a path is handled when the worker is on another machine."""

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
    """A request or an answer. It is frozen and rejects unknown fields. Infinity and NaN are kept in JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="constants")


@dataclass(frozen=True)
class WorkerTask[Request: Message, Answer]:
    """A worker task.

    Attributes:
        name: Its key in the table of tasks.
        request: The type of its request.
        answer: The type of its answer: a `Message`, or any other type that pydantic can validate.
        run: Computes the answer from the request, in a worker process. Paths in the request are absolute, because the
            worker's current folder is its own scratch folder.
    """

    name: str
    request: type[Request]
    answer: type[Answer]
    run: Callable[[Request], Answer]

    def write_answer(self, answer: Answer) -> Any:
        """Returns an answer as JSON."""
        return _adapter(cast(Hashable, self.answer)).dump_python(answer, mode="json")

    def read_answer(self, data: Any) -> Answer:
        """Reads an answer from JSON. Raises ValueError if it does not have the task's answer type."""
        answer: Answer = _adapter(cast(Hashable, self.answer)).validate_python(data)
        return answer


@dataclass(frozen=True)
class PathField:
    """A path in a request: the field names that lead to it, how it travels, and the path itself."""

    location: tuple[str, ...]
    travel: Travel
    path: Path

    @property
    def name(self) -> str:
        return ".".join(self.location)


def path_fields(request: Message) -> Iterator[PathField]:
    """Yields every path in a request, including nested ones.

    Raises:
        TypeError: The type of a path does not define how it travels.
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
                    f"{type(request).__name__}.{name} is a path: declare it as InputPath or another type of task.py"
                )
            yield PathField((name,), travels[0], value)


def task_named(table: Mapping[str, str], name: str) -> WorkerTask[Any, Any]:
    """Returns the task `name` of a table, name -> "module:NAME". Raises KeyError if the table lacks it."""
    task: WorkerTask[Any, Any] = resolve(table[name])
    return task


@functools.cache
def _adapter(answer: Any) -> TypeAdapter[Any]:
    return TypeAdapter(answer)


def _metadata(annotation: Any, metadata: list[Any]) -> Iterator[Any]:
    """Yields the metadata of a field, including that of the members of a union such as `InputPath | None`."""
    yield from metadata
    for inner in get_args(annotation):
        yield from getattr(inner, "__metadata__", ())
