"""Every entry of the table of tasks is a task, is quick to import, and says how each of its paths travels."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from importlib.metadata import packages_distributions
from pathlib import Path, PurePath
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from pydantic import BaseModel

from edge_export.workers.environments import ENVIRONMENTS
from edge_export.workers.task import InputPath, Message, Travel, WorkerTask, task_named
from edge_export.workers.tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    *("torch", "torchao", "executorch", "coremltools", "tensorflow", "tf_keras", "ai_edge_litert", "ai_edge_quantizer"),
    *("onnx", "onnx2tf", "onnxruntime", "onnxscript", "sklearn", "scipy"),
}
LOADED = """
import importlib, json, sys
before = set(sys.modules)
for module in sys.argv[1:]:
    importlib.import_module(module)
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def path_problems(message: type[Message]) -> Iterator[str]:
    """Each path that a message may hold and that does not travel, or not in one way."""
    for name, field in message.model_fields.items():
        for kind, metadata in alternatives(field.annotation, field.metadata):
            if isinstance(kind, type) and issubclass(kind, Message):
                yield from (f"{name}.{problem}" for problem in path_problems(kind))
            elif isinstance(kind, type) and issubclass(kind, PurePath):
                if (travels := sum(isinstance(each, Travel) for each in metadata)) != 1:
                    yield f"{name}: says {travels} times how it travels"
            elif holds_path(kind):
                yield f"{name}: a path inside of {kind}, where nobody looks"


def alternatives(kind: Any, metadata: list[Any]) -> Iterator[tuple[Any, list[Any]]]:
    """The types that a field may have, each with all that is said of it."""
    if get_origin(kind) is Annotated:
        yield from alternatives(kind.__origin__, [*metadata, *kind.__metadata__])
    elif get_origin(kind) in (Union, UnionType):
        for each in get_args(kind):
            yield from alternatives(each, metadata)
    else:
        yield kind, metadata


def holds_path(kind: Any) -> bool:
    """Whether a value of this type may have a path in it, however deep."""
    if isinstance(kind, type) and issubclass(kind, PurePath):
        return True
    inside = list(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        inside += [field.annotation for field in kind.model_fields.values()]
    elif isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        inside += [hints[field.name] for field in fields(kind)]
    return any(map(holds_path, inside))


def loaded_by(*names: str) -> set[str]:
    """The packages that importing the modules of these tasks loads, the standard library's left out."""
    modules = [TASKS[name].partition(":")[0] for name in names]
    command = [sys.executable, "-c", LOADED, "edge_export.workers.serve", *modules]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout)) - set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", TASKS)
def test_every_entry_is_a_task_of_that_name_whose_paths_say_how_they_travel(name: str) -> None:
    task = task_named(TASKS, name)
    assert isinstance(task, WorkerTask)
    assert task.name == name
    assert issubclass(task.request, Message)
    assert list(path_problems(task.request)) == []


def test_importing_all_tasks_imports_neither_torch_nor_a_converter() -> None:
    """A worker only pays for what its own task needs."""
    loaded = loaded_by(*TASKS)
    assert "pydantic" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_what_runs_in_an_isolated_environment_imports_only_what_is_there(environment: str) -> None:
    pins = {line.partition("==")[0].lower() for line in ENVIRONMENTS[environment].pins_path.read_text().splitlines()}
    if ENVIRONMENTS[environment].shares:
        pins |= {line.partition("==")[0].lower() for line in (ROOT / "requirements.lock").read_text().split()}
    distributions = packages_distributions()
    packages = {name for name in loaded_by("convert_onnx", "run") if name in distributions}
    assert {"numpy", "pydantic"} <= packages
    needed = {re.sub(r"[-_.]+", "-", each.lower()) for name in packages for each in distributions[name]}
    assert needed - {re.sub(r"[-_.]+", "-", pin) for pin in pins} - {"edge-export"} == set()


@dataclass(frozen=True)
class Pair:
    first: int
    second: Path


class Inner(Message):
    weights: InputPath
    notes: Path | None = None


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (Path, "field: says 0 times"),
        (Path | None, "field: says 0 times"),
        (Annotated[InputPath, Travel.STAY], "field: says 2 times"),
        (Inner, "field.notes: says 0 times"),
        (Inner | None, "field.notes: says 0 times"),
        (tuple[InputPath, ...], "field: a path inside"),
        (dict[str, list[InputPath]], "field: a path inside"),
        (Pair, "field: a path inside"),
        (tuple[Inner, ...] | None, "field: a path inside"),
    ],
)
def test_a_path_that_would_be_forgotten_is_found_by_its_type(kind: Any, problem: str) -> None:
    message = type("Forgetful", (Message,), {"__annotations__": {"field": kind}})
    (found,) = path_problems(message)
    assert found.startswith(problem)
