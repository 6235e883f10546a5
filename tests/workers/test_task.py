"""A request's types say what is let in, and what becomes of each path in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from edge_export.workers.task import (
    FolderPath,
    InputPath,
    Message,
    OutputPath,
    StayingPath,
    Travel,
    WorkerTask,
    path_fields,
    task_named,
)


class Inner(Message):
    weights: InputPath
    more: InputPath | None = None


class Outer(Message):
    inner: Inner
    maybe: Inner | None = None
    read: Annotated[InputPath, Field(description="a path with more to say")]
    workdir: FolderPath
    written: OutputPath | None = None
    beside: StayingPath
    number: int = 0


@dataclass(frozen=True)
class Pair:
    name: str
    numbers: tuple[int, ...]


def outer(**fields: object) -> Outer:
    given = {"inner": {"weights": "/a/w"}, "read": "/a/r", "workdir": "/a/d", "beside": "/a/b"}
    return Outer.model_validate(given | fields)


def test_every_path_is_found_with_what_its_type_says() -> None:
    found = {each.name: (each.travel, each.path) for each in path_fields(outer())}
    assert found == {
        "inner.weights": (Travel.INPUT, Path("/a/w")),
        "read": (Travel.INPUT, Path("/a/r")),
        "workdir": (Travel.FOLDER, Path("/a/d")),
        "beside": (Travel.STAY, Path("/a/b")),
    }


def test_a_path_that_may_be_none_is_found_when_it_is_not() -> None:
    inner = {"weights": "/a/w", "more": "/a/m"}
    found = {each.location: each.travel for each in path_fields(outer(maybe=inner, written="/a/o"))}
    assert found[("maybe", "more")] is Travel.INPUT
    assert found[("written",)] is Travel.OUTPUT
    assert ("inner", "more") not in found


def test_paths_become_absolute_where_the_request_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's current folder is another one."""
    monkeypatch.chdir(tmp_path)
    request = outer(inner={"weights": "w", "more": Path("m")}, workdir=".", written="o")
    assert {each.name: each.path for each in path_fields(request)} == {
        "inner.weights": tmp_path / "w",
        "inner.more": tmp_path / "m",
        "read": Path("/a/r"),
        "workdir": tmp_path,
        "written": tmp_path / "o",
        "beside": Path("/a/b"),
    }


@pytest.mark.parametrize("kind", [Path, Path | None, Annotated[InputPath, Travel.OUTPUT]], ids=["bare", "maybe", "two"])
def test_a_path_that_does_not_say_how_it_travels_is_an_error(kind: object) -> None:
    undeclared = type("Undeclared", (Message,), {"__annotations__": {"elsewhere": kind}})
    with pytest.raises(TypeError, match=r"Undeclared\.elsewhere is a path: declare it as InputPath"):
        list(path_fields(undeclared(elsewhere=Path("/a"))))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"elsewhere": "/a"}, "elsewhere\n  Extra inputs are not permitted"),
        ({"inner": {"weights": "/a/w", "mroe": "/a"}}, "inner.mroe\n  Extra inputs are not permitted"),
        ({"number": "three"}, "number\n  Input should be a valid integer"),
        ({"workdir": None}, "workdir\n  Input is not a valid path"),
    ],
)
def test_a_request_of_another_form_is_refused(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        outer(**fields)


def test_a_request_is_the_same_after_its_way_as_json() -> None:
    request = outer(maybe={"weights": "/b/w"}, number=3)
    assert Outer.model_validate(request.model_dump(mode="json")) == request
    assert Outer.model_validate_json(request.model_dump_json()) == request


def test_an_answer_of_any_type_that_can_be_checked() -> None:
    """Answers that are shared with others are plain dataclasses."""
    task = WorkerTask("pair", Inner, Pair, lambda request: Pair("a", (1, 2)))
    written = task.write_answer(Pair("a", (1, 2)))
    assert written == {"name": "a", "numbers": [1, 2]}
    assert task.read_answer(written) == Pair("a", (1, 2))
    for wrong in ({"name": "a"}, {"name": "a", "numbers": ["b"]}, [], None):
        with pytest.raises(ValueError, match="validation error"):
            task.read_answer(wrong)


def test_a_task_is_looked_up_in_a_table() -> None:
    assert task_named({"pair": f"{__name__}:Pair"}, "pair") is Pair
    with pytest.raises(KeyError, match="'other'"):
        task_named({"pair": f"{__name__}:Pair"}, "other")
