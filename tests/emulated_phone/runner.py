"""Runs the Python runner on a folder of the phone, with the faults that the phone was given."""

from __future__ import annotations

import contextlib
import enum
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from emulated_phone.state import State

RUNNER = Path(__file__).parents[2] / "runner" / "edge_runner.py"


def environment(phone: State) -> dict[str, str]:
    """The environment of the runner. It finds the runtimes of the phone."""
    hidden = {} if phone.read().executorch else {"PYTHONPATH": str(Path(__file__).parent / "without_executorch")}
    return {**os.environ, **hidden}


class End(enum.Enum):
    FINISHED = enum.auto()
    FAILED = enum.auto()
    CRASHED = enum.auto()


def run_runner(phone: State, folder: Path, tell: Callable[[dict[str, str]], None]) -> End:
    """Calls `tell` with each event, as the runner prints it."""
    with subprocess.Popen(
        [sys.executable, str(RUNNER), str(folder)],
        env=environment(phone),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as runner:
        with phone.changed() as now:
            now.runner_group = runner.pid
        finished = 0
        for line in runner.stdout:
            event = json.loads(line)
            tell(event)
            finished += event["outcome"] not in ("started", "finished before")
            with phone.changed() as now:
                if event["outcome"] == "started" and finished == now.crash_after:
                    now.crash_after = -1
                    os.killpg(runner.pid, signal.SIGKILL)
                    return End.CRASHED
                if event["outcome"] == "started" and finished == now.hang_after:
                    now.hang_after = -1
                    os.killpg(runner.pid, signal.SIGSTOP)
                if finished == now.offline_after:
                    now.offline, now.offline_after = True, -1
        return End.FAILED if runner.wait() else End.FINISHED


def run_on_jvm(phone: State) -> End:
    """Runs this `am` command by the phone's `jvm`, which prints what `am` prints."""
    command = [*phone.read().jvm, *sys.argv[1:]]
    with subprocess.Popen(command, env=os.environ, start_new_session=True) as runner:
        with phone.changed() as now:
            now.runner_group = runner.pid
        return End.CRASHED if runner.wait() else End.FINISHED


def write_facts(phone: State, folder: Path) -> None:
    """Leaves the runner's facts in `folder`."""
    command = [sys.executable, str(RUNNER), "--facts"]
    facts = subprocess.run(command, env=environment(phone), stdout=subprocess.PIPE, check=True)
    (folder / "device.json").write_bytes(facts.stdout)


def end_runner(phone: State) -> None:
    """Kills the runner, if one runs."""
    with phone.changed() as now, contextlib.suppress(ProcessLookupError):
        if now.runner_group:
            os.killpg(now.runner_group, signal.SIGKILL)
        now.runner_group = 0
