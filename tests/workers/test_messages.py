"""A request as it is sent to another machine: what goes with it, where it is put there, and what comes back."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from edge_export.workers import WorkerError
from edge_export.workers.cluster.file_tree import digest_of
from edge_export.workers.cluster.messages import Changes, Outcome, PackedTask, RemoteTask, deliver, pack_task
from edge_export.workers.task import FolderPath, InputPath, Message, OutputPath, StayingPath, Travel


class Source(Message):
    name: str
    weights: InputPath
    goldens: InputPath | None = None


class Request(Message):
    source: Source
    again: InputPath | None = None
    workdir: FolderPath
    written: OutputPath
    beside: StayingPath
    limits: dict[str, float]


@pytest.fixture
def request_here(tmp_path: Path) -> Request:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "old").write_bytes(b"old")
    (tmp_path / "weights.bin").write_bytes(b"weights")
    return Request(
        source=Source(name="digits", weights=tmp_path / "weights.bin"),
        workdir=tmp_path / "work",
        written=tmp_path / "out.json",
        beside=tmp_path / "beside",
        limits={"least": 1.5},
    )


def pack(request: Message) -> PackedTask:
    return pack_task("a build", "a task", request, "a kind", 10.0)


def test_inputs_and_folders_are_sent_outputs_only_come_back_and_the_rest_stays(request_here: Request) -> None:
    packed = pack(request_here)
    assert [(path.name, path.travel, path.file_name) for path in packed.task.paths] == [
        ("source.weights", Travel.INPUT, "weights.bin"),
        ("workdir", Travel.FOLDER, "work"),
        ("written", Travel.OUTPUT, "out.json"),
    ]
    weights, work = {"": b"weights"}, {"old": b"old"}
    assert packed.trees == ((digest_of(weights), weights), (digest_of(work), work))
    assert [path.digest for path in packed.task.paths] == [digest_of(weights), digest_of(work), ""]
    assert packed.paths["source.weights"] == request_here.source.weights


def test_an_input_that_is_not_there_is_sent_as_that(request_here: Request, tmp_path: Path) -> None:
    packed = pack(request_here.model_copy(update={"again": tmp_path / "nowhere"}))
    assert ("missing", None) in packed.trees
    assert packed.task.paths[1].location == ("again",)


def test_a_request_is_relocated_however_deep_its_paths_are(request_here: Request) -> None:
    task = pack(request_here).task
    there = {"source.weights": Path("/there/w"), "workdir": Path("/there/d"), "written": Path("/there/o")}
    relocated = Request.model_validate(task.relocated(there))
    source = request_here.source.model_copy(update={"weights": Path("/there/w")})
    moved = {"source": source, "workdir": Path("/there/d"), "written": Path("/there/o")}
    assert relocated == request_here.model_copy(update=moved)
    assert Request.model_validate(task.request) == request_here


def test_a_task_is_the_same_after_its_way_as_json(request_here: Request) -> None:
    """A limit may be infinite; JSON itself has no word for that."""
    limits = {"most": math.inf, "least": -math.inf, "unknown": math.nan}
    task = pack(request_here.model_copy(update={"limits": limits})).task
    arrived = RemoteTask.model_validate_json(task.model_dump_json())
    assert repr(arrived) == repr(task)
    assert repr(Request.model_validate(arrived.request).limits) == repr(limits)


@pytest.mark.parametrize(
    ("path", "name"), [("a/b.bin", "b.bin"), ("a/..", "here"), (".", "here"), ("..", "parent"), ("a/./c/../d", "d")]
)
def test_the_name_that_a_path_keeps_is_never_one_of_dots(
    request_here: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, name: str
) -> None:
    (tmp_path / "parent" / "here" / "a" / "c").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "parent" / "here")
    source = Source(name="digits", weights=Path(path))
    (weights, *_) = pack(request_here.model_copy(update={"source": source})).task.paths
    assert weights.file_name == name


def test_a_file_that_cannot_be_read_is_one_line(request_here: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(WorkerError, match=r"a task: .*Permission denied: .*weights\.bin"):
        pack(request_here)


def test_what_was_written_there_is_written_here(request_here: Request, tmp_path: Path) -> None:
    changes = Changes({"new/file": b"new"}, ["old"])
    outcome = Outcome({"n": 1}, folders={"workdir": changes}, outputs={"written": {"": b"out"}}, log=b"printed\n")
    assert deliver(pack(request_here), outcome, tmp_path / "log") == {"n": 1}
    assert [path.name for path in request_here.workdir.iterdir()] == ["new"]
    assert (request_here.workdir / "new" / "file").read_bytes() == b"new"
    assert request_here.written.read_bytes() == b"out"
    assert (tmp_path / "log").read_bytes() == b"printed\n"


def test_an_error_there_names_the_paths_of_this_machine(request_here: Request, tmp_path: Path) -> None:
    error: dict[str, Any] = {"message": "/there/w is bad", "reason": "exception", "tail": "in /there/w", "raised": "E"}
    outcome = Outcome(error=error, called={"source.weights": "/there/w"}, log=b"printed\n")
    with pytest.raises(WorkerError) as raised:
        deliver(pack(request_here), outcome, tmp_path / "log")
    assert str(raised.value) == f"{request_here.source.weights} is bad"
    assert raised.value.tail == f"in {request_here.source.weights}"
    assert (tmp_path / "log").read_bytes() == b"printed\n"


@pytest.mark.parametrize("changes", [Changes({"../out": b"x"}, []), Changes({}, ["../weights.bin"])])
def test_nothing_lands_or_vanishes_outside_of_the_folder(
    request_here: Request, tmp_path: Path, changes: Changes
) -> None:
    with pytest.raises(ValueError, match="is not a path inside of a folder"):
        deliver(pack(request_here), Outcome({}, folders={"workdir": changes}), tmp_path / "log")
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "weights.bin").exists()


def test_a_request_is_plain_json(request_here: Request) -> None:
    task = pack(request_here).task
    assert json.loads(json.dumps(task.request)) == task.request
