"""A real Dask scheduler and real workers, each a process of its own, that speak over loopback only."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUIET = ("--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")


def until(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


FORK_SERVER = "edge_export.workers.fork_server"


class DaskCluster:
    """A scheduler in `folder`, and the workers that are started; leaving the `with` block kills them all."""

    def __init__(self, folder: Path, path: Path = ROOT, **variables: str) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        facts = folder / "scheduler.json"
        command = ["dask_scheduler", "--port", "0", "--scheduler-file", str(facts)]
        self.scheduler = self._start(command, path, variables)
        until(lambda: facts.exists() and facts.read_text().endswith("}"), "a scheduler")
        self.address: str = json.loads(facts.read_text())["address"]

    def start_worker(self, *arguments: str, path: Path = ROOT, **variables: str) -> Worker:
        """One more worker process of one thread; it has this package from `path`."""
        folder = self.folder / f"worker{len(self.processes)}"
        folder.mkdir()
        command = ["dask_worker", self.address, "--no-nanny", "--nthreads", "1", "--local-directory", str(folder)]
        process = self._start([*command, *arguments], path, variables)
        log = self.folder / f"{process.pid}.log"
        until(lambda: "Registered to" in log.read_text(), "a worker")
        return Worker(process, folder, log.read_text().partition("Start worker at:")[2].split()[0])

    def _start(self, command: list[str], path: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": str(path), **variables}
        beside = self.folder / "starting.log"
        with beside.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", f"distributed.cli.{command[0]}", *command[1:], *QUIET],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
            )
        beside.rename(self.folder / f"{process.pid}.log")
        self.processes.append(process)
        return process

    def __enter__(self) -> DaskCluster:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            process.kill()
            process.wait()


class Worker:
    """A Dask worker process, and the processes that it has started."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, address: str) -> None:
        self.process = process
        self.folder = folder
        self.address = address

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def task_folders(self) -> list[Path]:
        """The folders that tasks of builds have here now, with all that they hold so far."""
        return list(self.folder.glob("dask-scratch-space/*/edge_export-*/tasks/*"))

    def at_work_on(self, name: str) -> bool:
        """Whether a task is under way here whose folder has this name."""
        return any(list(folder.glob(f"workdir/{name}")) for folder in self.task_folders())

    def converters(self) -> list[int]:
        """The process ids of our own workers that it has started."""
        alive = processes()
        servers = {pid for pid, parent, command in alive if parent == self.process.pid and FORK_SERVER in command}
        return [pid for pid, parent, _ in alive if parent in servers]


def processes() -> list[tuple[int, int, str]]:
    """Every living process: its id, its parent's and its command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if state != "Z":
            found.append((int(folder.name), int(parent), command))
    return found


def living(pids: list[int]) -> list[int]:
    return [pid for pid, _, _ in processes() if pid in pids]
