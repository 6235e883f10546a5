"""A worker that is started by hand, or over ssh, answers on standard output: answers alone, a line each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dask_cluster import living, until

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """A worker process with pipes for its standard input and output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
        with (folder / "stderr").open("wb") as stderr:
            command = [sys.executable, "-P", "-m", "edge_export.workers.serve"]
            self.process = subprocess.Popen(
                [*command, "--answers", "-", "--tasks", "crash_tasks:TABLE"],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def send(self, task: str, log: str = "log", **request: Any) -> None:
        assert self.process.stdin is not None
        line = {"task": task, "request": request, "log": str(self.folder / log)}
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def end(self) -> str:
        """Close its standard input; what it has answered beside what was read."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        rest = self.process.stdout.read()
        self.process.wait(60)
        return rest


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.process.kill()
    server.process.wait()


def test_two_requests_give_two_lines_and_what_tasks_print_goes_to_their_logs(server: Server, tmp_path: Path) -> None:
    server.send("noise", log="first")
    server.send("noise", log="second")
    assert [server.answer(), server.answer()] == [{"ok": True, "result": {}}] * 2
    assert server.end() == ""
    for log in ("first", "second"):
        printed = sorted((tmp_path / log).read_text().splitlines())
        assert printed == ["from C", "from a child", "from python", "from stderr"]
    assert (tmp_path / "stderr").read_text() == ""


def test_answers_come_in_the_order_of_requests(server: Server) -> None:
    """More may be sent before the first is answered."""
    for number in range(3):
        server.send("echo", number=number, seconds=0.2 * (number == 0))
    answers = [server.answer()["result"] for _ in range(3)]
    assert [answer["number"] for answer in answers] == [0, 1, 2]
    assert {answer["pid"] for answer in answers} == {server.process.pid}


@pytest.mark.parametrize(
    ("task", "fields", "kind", "words"),
    [
        ("no_such_task", {}, "KeyError", "no_such_task"),
        ("echo", {"numbers": 1}, "ValidationError", "numbers\n  Extra inputs are not permitted"),
        ("echo", {"number": "one"}, "ValidationError", "number\n  Input should be a valid integer"),
        ("spawn", {}, "ValidationError", "pid_file\n  Field required"),
        ("fail", {}, "ValueError", "the weights of\nlayer 3 are missing"),
        ("bad_exit", {}, "SystemExit", "a library that calls sys.exit"),
        ("unjson", {}, "PydanticSerializationError", "Unable to serialize"),
    ],
)
def test_what_cannot_be_done_is_answered_and_the_worker_goes_on(
    server: Server, tmp_path: Path, task: str, fields: dict[str, Any], kind: str, words: str
) -> None:
    server.send(task, **fields)
    answer = server.answer()
    assert (answer["ok"], answer["type"]) == (False, kind)
    assert words in answer["message"]
    assert "Traceback" in (tmp_path / "log").read_text()
    server.send("echo", number=5)
    assert server.answer()["result"]["number"] == 5


def test_it_ends_with_its_standard_input_and_takes_along_what_it_started(server: Server, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    server.send("spawn", pid_file=str(pids))
    until(lambda: pids.exists() and len(pids.read_text().split()) == 2, "a child of the task")
    worker, child = map(int, pids.read_text().split())
    assert worker == server.process.pid
    assert server.end() == ""
    until(lambda: not living([child]), "the end of the child")
