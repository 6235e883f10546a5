"""A worker may crash, hang, exit or eat memory: its own task fails with a reason, everything else goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from crash_tasks import (
    BAD_EXIT,
    ECHO,
    FACTS,
    FAIL,
    HOARD,
    HOARD_IN_CHILDREN,
    LEAVE,
    NOISE,
    SEGFAULT,
    SHARE_WITH_CHILDREN,
    SLEEP,
    SPAWN,
    UNJSON,
    UNLISTED,
    WRONG_ANSWER,
    Anything,
    Count,
    EchoRequest,
    Nothing,
    SpawnRequest,
)

from edge_export.workers import Pool, WorkerError, cpu_count
from edge_export.workers.task import Message, WorkerTask

TABLE = "crash_tasks:TABLE"
Submit = Callable[..., "Future[Any]"]


@pytest.fixture(autouse=True)
def crash_tasks_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture(params=[(), ("html",)], ids=["started", "forked"])
def shared(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """What workers share: nothing, or a module that is not imported otherwise."""
    modules: tuple[str, ...] = request.param
    return modules


@pytest.fixture
def submit(tmp_path: Path, shared: tuple[str, ...]) -> Iterator[Submit]:
    with Pool(2, log_dir=tmp_path, tasks=TABLE, shared=shared) as pool:

        def submit(
            task: WorkerTask[Any, Any], request: Message | None = None, kind: str = "a", timeout_s: float = 30
        ) -> Future[Any]:
            log = tmp_path / f"{task.name}.log"
            return pool.submit(
                task, task.request() if request is None else request, kind=kind, timeout_s=timeout_s, log=log
            )

        yield submit


def exists(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_workers_are_reused_by_their_kind_and_no_other(submit: Submit) -> None:
    first = submit(ECHO, kind="a").result().pid
    assert submit(ECHO, kind="b").result().pid != first
    assert submit(ECHO, kind="a").result().pid == first


def test_at_most_jobs_tasks_run_at_once(tmp_path: Path) -> None:
    with Pool(1, log_dir=tmp_path, tasks=TABLE) as pool:
        request = EchoRequest(seconds=0.3)
        futures = [pool.submit(ECHO, request, kind=kind, timeout_s=30, log=tmp_path / "log") for kind in "abc"]
        echoes = sorted((future.result() for future in futures), key=lambda echo: echo.began)
    assert len({echo.pid for echo in echoes}) == 3
    assert all(before.ended <= after.began for before, after in pairwise(echoes))


@pytest.mark.parametrize(
    ("task", "reason", "message"),
    [
        (SEGFAULT, "crash", "SIGSEGV"),
        (LEAVE, "crash", "exited with status 7"),
        (SLEEP, "timeout", "did not finish within 1 s"),
        (FAIL, "exception", "ValueError: the weights of layer 3 are missing"),
        (BAD_EXIT, "exception", "SystemExit: a library that calls sys.exit"),
        (UNJSON, "exception", "PydanticSerializationError: Unable to serialize"),
        (WRONG_ANSWER, "exception", "the worker's answer to wrong_answer is not valid: .* count Input should be"),
        (UNLISTED, "exception", "KeyError: 'unlisted'"),
    ],
    ids=lambda value: value.name if isinstance(value, WorkerTask) else None,
)
def test_a_task_that_goes_wrong_fails_alone(
    submit: Submit, task: WorkerTask[Nothing, Any], reason: str, message: str
) -> None:
    neighbour = submit(ECHO, EchoRequest(seconds=1.5), kind="b")
    broken = submit(task, timeout_s=1 if task is SLEEP else 30)
    queued = submit(ECHO, EchoRequest(number=3), kind="a")
    with pytest.raises(WorkerError, match=message) as raised:
        broken.result()
    assert raised.value.reason == reason
    assert "\n" not in str(raised.value)
    assert neighbour.result().seconds == 1.5
    assert queued.result().number == 3


def test_the_tail_of_the_log_comes_with_the_error(submit: Submit) -> None:
    with pytest.raises(WorkerError) as crashed:
        submit(SEGFAULT).result()
    assert "about to crash" in crashed.value.tail
    assert "in segfault" in crashed.value.tail  # faulthandler's stack
    with pytest.raises(WorkerError) as slow:
        submit(SLEEP, timeout_s=4).result()
    assert slow.value.tail.splitlines()[-1] == "step 2"


def test_a_worker_survives_an_exception(submit: Submit) -> None:
    pid = submit(ECHO).result().pid
    for task in (FAIL, BAD_EXIT, UNJSON, WRONG_ANSWER, UNLISTED):
        with pytest.raises(WorkerError):
            submit(task).result()
    assert submit(ECHO).result().pid == pid


def test_the_memory_limit_kills(tmp_path: Path) -> None:
    with Pool(1, log_dir=tmp_path, tasks=TABLE, memory_limit_bytes=300 << 20) as pool:
        future = pool.submit(HOARD, Nothing(), kind="a", timeout_s=60, log=tmp_path / "log")
        with pytest.raises(WorkerError, match="more than 300 MiB") as raised:
            future.result()
        assert raised.value.reason == "memory"
        assert pool.submit(ECHO, EchoRequest(), kind="a", timeout_s=30, log=tmp_path / "log").result()


def test_the_memory_limit_counts_what_a_worker_started(tmp_path: Path) -> None:
    with Pool(1, log_dir=tmp_path, tasks=TABLE, memory_limit_bytes=300 << 20) as pool:
        future = pool.submit(HOARD_IN_CHILDREN, Nothing(), kind="a", timeout_s=60, log=tmp_path / "log")
        with pytest.raises(WorkerError, match="more than 300 MiB") as raised:
            future.result()
        assert raised.value.reason == "memory"


def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    """Four processes with the same 128 MiB: 512 MiB by their resident sizes, and less than 300 MiB in fact."""
    with Pool(1, log_dir=tmp_path, tasks=TABLE, memory_limit_bytes=300 << 20) as pool:
        done = pool.submit(SHARE_WITH_CHILDREN, Count(count=128 << 20), kind="a", timeout_s=60, log=tmp_path / "log")
        assert done.result().count > 500 << 20


def test_noise_of_every_level_lands_in_the_tasks_own_log(
    submit: Submit, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    submit(NOISE).result()
    assert sorted((tmp_path / "noise.log").read_text().splitlines()) == [
        "from C",
        "from a child",
        "from python",
        "from stderr",
    ]
    assert capfd.readouterr() == ("", "")


def test_a_worker_has_its_share_of_threads_fixed_hashes_and_no_stdin(submit: Submit, tmp_path: Path) -> None:
    facts = submit(FACTS).result()
    assert facts.threads == str(max(1, cpu_count() // 2))
    assert facts.hash_seed == "0"
    assert facts.stdin == ""
    assert facts.cwd.is_relative_to(tmp_path)


def test_a_kind_may_have_an_interpreter_of_its_own(tmp_path: Path) -> None:
    python = tmp_path / "other-python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    with Pool(1, tasks=TABLE, interpreters={"isolated": str(python)}) as pool:
        echoed = pool.submit(ECHO, EchoRequest(number=1), kind="isolated", timeout_s=30, log=tmp_path / "log").result()
        assert echoed.number == 1


def test_forked_workers_share_what_their_server_imported_and_nothing_that_tasks_do(
    submit: Submit, shared: tuple[str, ...]
) -> None:
    first, second = submit(FACTS, kind="a").result(), submit(FACTS, kind="b").result()
    assert first.imported == second.imported == bool(shared)
    assert first.scratch == first.cwd != second.cwd == second.scratch
    assert len({submit(ECHO, kind=kind).result().pid for kind in "ab"}) == 2


def test_the_first_worker_waits_for_the_first_shared_module_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "import pathlib, time\nwhile not pathlib.Path(__file__).with_name('go').exists():\n    time.sleep(0.01)\n"
    (tmp_path / "slow_to_import.py").write_text(slow)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), str(tmp_path)]))
    with Pool(2, log_dir=tmp_path, tasks=TABLE, shared=("html", "slow_to_import")) as pool:
        log = tmp_path / "log"
        facts = pool.submit(FACTS, Nothing(), kind="a", timeout_s=30, log=log).result(timeout=30)
        second = pool.submit(FACTS, Nothing(), kind="b", timeout_s=30, log=log)
        assert facts.imported
        assert not wait_until(second.done, 0.2)
        (tmp_path / "go").touch()
        assert second.result(timeout=30).parent == facts.parent


def test_workers_are_started_where_no_server_can_fork_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_export.workers.forked.MODULE", "edge_export.workers.no_such_server")
    with Pool(1, log_dir=tmp_path, tasks=TABLE, shared=("html",)) as pool:
        for kind in "ab":
            facts = pool.submit(FACTS, Nothing(), kind=kind, timeout_s=30, log=tmp_path / "log").result()
            assert not facts.imported


def test_a_server_that_is_killed_takes_its_workers_with_it_and_others_are_started(tmp_path: Path) -> None:
    log = tmp_path / "sleep.log"
    with Pool(1, log_dir=tmp_path, tasks=TABLE, shared=("html",)) as pool:
        server = pool.submit(FACTS, Nothing(), kind="a", timeout_s=30, log=tmp_path / "log").result().parent
        sleeping = pool.submit(SLEEP, Nothing(), kind="a", timeout_s=60, log=log)
        assert wait_until(lambda: log.exists() and "step" in log.read_text(), 20)
        os.kill(server, signal.SIGKILL)
        with pytest.raises(WorkerError, match="SIGKILL"):
            sleeping.result()
        assert pool.submit(ECHO, EchoRequest(), kind="a", timeout_s=30, log=tmp_path / "log").result()


def test_closing_kills_workers_and_their_children_and_leaves_no_scratch(
    tmp_path: Path, shared: tuple[str, ...]
) -> None:
    pid_file, logs = tmp_path / "pids", tmp_path / "logs"
    with Pool(1, log_dir=logs, tasks=TABLE, shared=shared) as pool:
        request = SpawnRequest(pid_file=pid_file)
        running = pool.submit(SPAWN, request, kind="a", timeout_s=60, log=tmp_path / "log")
        waiting = pool.submit(ECHO, EchoRequest(), kind="a", timeout_s=60, log=tmp_path / "log")
        assert wait_until(lambda: pid_file.exists() and len(pid_file.read_text().split()) == 2)
    for future in (running, waiting):
        with pytest.raises(WorkerError) as raised:
            future.result(timeout=5)
        assert raised.value.reason == "closed"
    for pid in map(int, pid_file.read_text().split()):
        assert wait_until(lambda pid=pid: not exists(pid))  # type: ignore[misc]
    assert list(logs.iterdir()) == []
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(ECHO, EchoRequest(), kind="a", timeout_s=1, log=tmp_path / "log")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_a_parent(tmp_path: Path, how: signal.Signals, shared: tuple[str, ...]) -> None:
    pid_file = tmp_path / "pids"
    program = f"""
from pathlib import Path
from crash_tasks import SPAWN, SpawnRequest
from edge_export.workers import Pool
folder = Path({json.dumps(str(tmp_path))})
with Pool(1, tasks="crash_tasks:TABLE", shared={shared!r}) as pool:
    request = SpawnRequest(pid_file=folder / "pids")
    pool.submit(SPAWN, request, kind="a", timeout_s=600, log=folder / "log").result()
"""
    environment = os.environ | {"TMPDIR": str(tmp_path)}  # a killed parent leaves its scratch folder
    parent = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL, env=environment)
    assert wait_until(lambda: pid_file.exists() and len(pid_file.read_text().split()) == 2, 20)
    worker, child = map(int, pid_file.read_text().split())
    parent.send_signal(how)
    parent.wait(10)
    assert wait_until(lambda: not exists(worker))
    if how == signal.SIGINT:  # a killed parent cannot kill groups; the worker's own end is the most that is possible
        assert wait_until(lambda: not exists(child))
    else:
        os.kill(child, signal.SIGKILL) if exists(child) else None


def test_a_request_that_is_no_json_is_refused_at_once(submit: Submit) -> None:
    with pytest.raises(ValueError, match="Unable to serialize"):
        submit(ECHO, Anything(value=object()))


def test_a_pool_needs_a_slot() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Pool(0)
