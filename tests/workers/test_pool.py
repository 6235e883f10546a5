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
from pathlib import Path
from typing import Any

import pytest

from edge_export.workers import Pool, WorkerError, cpu_count

TABLE = "crash_tasks:TABLE"
Submit = Callable[..., "Future[dict[str, Any]]"]


@pytest.fixture(autouse=True)
def crash_tasks_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture
def submit(tmp_path: Path) -> Iterator[Submit]:
    with Pool(2, log_dir=tmp_path, tasks=TABLE) as pool:

        def submit(task: str, kind: str = "a", timeout_s: float = 30, **args: Any) -> Future[dict[str, Any]]:
            return pool.submit(task, args, kind=kind, timeout_s=timeout_s, log=tmp_path / f"{task}.log")

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
    first = submit("echo", kind="a").result()["pid"]
    assert submit("echo", kind="b").result()["pid"] != first
    assert submit("echo", kind="a").result()["pid"] == first


def test_at_most_jobs_tasks_run_at_once(tmp_path: Path) -> None:
    with Pool(1, log_dir=tmp_path, tasks=TABLE) as pool:
        start = time.monotonic()
        futures = [
            pool.submit("echo", {"seconds": 0.3}, kind=kind, timeout_s=30, log=tmp_path / "log") for kind in "abc"
        ]
        assert len({future.result()["pid"] for future in futures}) == 3
        assert time.monotonic() - start > 0.9


@pytest.mark.parametrize(
    ("task", "reason", "message"),
    [
        ("segfault", "crash", "SIGSEGV"),
        ("leave", "crash", "exited with status 7"),
        ("sleep", "timeout", "did not finish within 1 s"),
        ("fail", "exception", "ValueError: the weights of layer 3 are missing"),
        ("bad_exit", "exception", "SystemExit: a library that calls sys.exit"),
        ("unjson", "exception", "TypeError"),
        ("no_such_task", "exception", "KeyError"),
    ],
)
def test_a_task_that_goes_wrong_fails_alone(submit: Submit, task: str, reason: str, message: str) -> None:
    neighbour = submit("echo", kind="b", seconds=1.5)
    broken = submit(task, timeout_s=1 if task == "sleep" else 30)
    queued = submit("echo", kind="a", number=3)
    with pytest.raises(WorkerError, match=message) as raised:
        broken.result()
    assert raised.value.reason == reason
    assert "\n" not in str(raised.value)
    assert neighbour.result()["seconds"] == 1.5
    assert queued.result()["number"] == 3


def test_the_tail_of_the_log_comes_with_the_error(submit: Submit) -> None:
    with pytest.raises(WorkerError) as crashed:
        submit("segfault").result()
    assert "about to crash" in crashed.value.tail
    assert "in segfault" in crashed.value.tail  # faulthandler's stack
    with pytest.raises(WorkerError) as slow:
        submit("sleep", timeout_s=1).result()
    assert slow.value.tail.splitlines()[-1] == "step 2"


def test_a_worker_survives_an_exception(submit: Submit) -> None:
    pid = submit("echo").result()["pid"]
    with pytest.raises(WorkerError):
        submit("fail").result()
    assert submit("echo").result()["pid"] == pid


def test_the_memory_limit_kills(tmp_path: Path) -> None:
    with Pool(1, log_dir=tmp_path, tasks=TABLE, memory_limit_bytes=300 << 20) as pool:
        future = pool.submit("hoard", {}, kind="a", timeout_s=60, log=tmp_path / "log")
        with pytest.raises(WorkerError, match="more than 300 MiB") as raised:
            future.result()
        assert raised.value.reason == "memory"
        assert pool.submit("echo", {}, kind="a", timeout_s=30, log=tmp_path / "log").result()


def test_the_memory_limit_counts_what_a_worker_started(tmp_path: Path) -> None:
    with Pool(1, log_dir=tmp_path, tasks=TABLE, memory_limit_bytes=300 << 20) as pool:
        future = pool.submit("hoard_in_children", {}, kind="a", timeout_s=60, log=tmp_path / "log")
        with pytest.raises(WorkerError, match="more than 300 MiB") as raised:
            future.result()
        assert raised.value.reason == "memory"


def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    """Four processes with the same 128 MiB: 512 MiB by their resident sizes, and less than 300 MiB in fact."""
    with Pool(1, log_dir=tmp_path, tasks=TABLE, memory_limit_bytes=300 << 20) as pool:
        done = pool.submit("share_with_children", {"bytes": 128 << 20}, kind="a", timeout_s=60, log=tmp_path / "log")
        assert done.result()["resident"] > 500 << 20


def test_noise_of_every_level_lands_in_the_tasks_own_log(
    submit: Submit, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    submit("noise").result()
    assert sorted((tmp_path / "noise.log").read_text().splitlines()) == [
        "from C",
        "from a child",
        "from python",
        "from stderr",
    ]
    assert capfd.readouterr() == ("", "")


def test_a_worker_has_its_share_of_threads_fixed_hashes_and_no_stdin(submit: Submit, tmp_path: Path) -> None:
    facts = submit("facts").result()
    assert facts["threads"] == str(max(1, cpu_count() // 2))
    assert facts["hash_seed"] == "0"
    assert facts["stdin"] == ""
    assert Path(facts["cwd"]).is_relative_to(tmp_path)


def test_a_kind_may_have_an_interpreter_of_its_own(tmp_path: Path) -> None:
    python = tmp_path / "other-python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    with Pool(1, tasks=TABLE, interpreters={"isolated": str(python)}) as pool:
        assert pool.submit("echo", {"n": 1}, kind="isolated", timeout_s=30, log=tmp_path / "log").result()["n"] == 1


def test_closing_kills_workers_and_their_children_and_leaves_no_scratch(tmp_path: Path) -> None:
    pid_file, logs = tmp_path / "pids", tmp_path / "logs"
    with Pool(1, log_dir=logs, tasks=TABLE) as pool:
        running = pool.submit("spawn", {"pid_file": str(pid_file)}, kind="a", timeout_s=60, log=tmp_path / "log")
        waiting = pool.submit("echo", {}, kind="a", timeout_s=60, log=tmp_path / "log")
        assert wait_until(lambda: pid_file.exists() and len(pid_file.read_text().split()) == 2)
    for future in (running, waiting):
        with pytest.raises(WorkerError) as raised:
            future.result(timeout=5)
        assert raised.value.reason == "closed"
    for pid in map(int, pid_file.read_text().split()):
        assert wait_until(lambda pid=pid: not exists(pid))  # type: ignore[misc]
    assert list(logs.iterdir()) == []
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit("echo", {}, kind="a", timeout_s=1, log=tmp_path / "log")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_a_parent(tmp_path: Path, how: signal.Signals) -> None:
    pid_file = tmp_path / "pids"
    program = f"""
from pathlib import Path
from edge_export.workers import Pool
folder = Path({json.dumps(str(tmp_path))})
with Pool(1, tasks="crash_tasks:TABLE") as pool:
    pool.submit("spawn", {{"pid_file": str(folder / "pids")}}, kind="a", timeout_s=600, log=folder / "log").result()
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


def test_arguments_that_are_no_json_are_refused_at_once(submit: Submit) -> None:
    with pytest.raises(TypeError):
        submit("echo", path=Path("x"))


def test_a_pool_needs_a_slot() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Pool(0)
