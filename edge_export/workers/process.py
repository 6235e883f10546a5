"""The parent's side of one worker process: start it, send it tasks, watch it, kill it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_export.errors import RequestError, one_line, users_line, written_stack
from edge_export.workers.forked import ForkedProcess, ForkServer
from edge_export.workers.resources import group_bytes

_POLL_S = 0.1
_TAIL_LINES = 60
_TAIL_BYTES = 16_384


class WorkerError(RuntimeError):
    """A task did not succeed. The message is one line.

    Attributes:
        reason: "exception" (the task raised), "crash", "timeout", "memory", "closed" (the pool was closed) or
            "environment" (the task's environment is not set up).
        tail: The last lines of the task's log.
        request: The message of the RequestError that the task raised; empty if it raised none.
        raised: The name of the exception type that the task raised.
        tried: The isolated environments in which it was tried, too.
    """

    def __init__(self, message: str, reason: str, tail: str = "", request: str = "", raised: str = "") -> None:
        super().__init__(one_line(message))
        self.reason = reason
        self.tail = tail
        self.request = request
        self.raised = raised
        self.tried: tuple[str, ...] = ()


class Worker:
    """A child process that serves tasks (see `serve.py`), in its own session and process group.

    The thread that creates it must outlive it: on Linux the kernel kills a worker when that thread ends.

    Args:
        kind: What it is for.
        python: The interpreter that runs it, or the server that forks it.
        tasks: The table of tasks, "module:NAME".
        environment: Its environment variables, those of the server if there is one.
        scratch: Its current folder, which is also its folder of temporary files.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(
        self,
        kind: str,
        python: str | ForkServer,
        tasks: str,
        environment: Mapping[str, str],
        scratch: Path,
    ) -> None:
        self.kind = kind
        receive, send = os.pipe()
        arguments, own = ["--tasks", tasks], {"TMPDIR": str(scratch)}
        scratch.mkdir(parents=True, exist_ok=True)
        self._own_log = scratch / "worker.log"
        self._process: subprocess.Popen[bytes] | ForkedProcess
        try:
            with self._own_log.open("ab") as log:
                if isinstance(python, ForkServer):
                    self._process = python.fork(arguments, own, scratch, send, log.fileno())
                else:
                    command = [python, "-P", "-m", "edge_export.workers.serve", *arguments]
                    self._process = subprocess.Popen(
                        [*command, "--answers", str(send), "--parent", str(os.getpid())],
                        stdin=subprocess.PIPE,
                        stdout=log,
                        stderr=log,
                        cwd=scratch,
                        env={**environment, **own},
                        pass_fds=(send,),
                        start_new_session=True,
                    )
        except OSError:
            os.close(receive)
            raise
        finally:
            os.close(send)
        os.set_blocking(receive, False)
        self._receive = receive
        self._received = b""
        self._group_killed = False

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its process group."""
        return self._process.pid

    def ask(self, task: str, request: Any, *, timeout_s: float, log: Path, memory_limit_bytes: int | None) -> Any:
        """Runs one task on `request` (JSON) and waits for its answer (JSON).

        Raises:
            WorkerError: The task raised; the worker stays alive. Or the process crashed, did not finish within
                `timeout_s` seconds, or held more than `memory_limit_bytes` together with its child processes. Then it
                is dead: `alive` is False.
        """
        line = json.dumps({"task": task, "request": request, "log": str(log)}) + "\n"
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()
            received = self._wait(time.monotonic() + timeout_s, timeout_s, log, memory_limit_bytes)
        except BrokenPipeError:
            raise self._crashed(log) from None
        answer = json.loads(received)
        if answer["ok"]:
            return answer["result"]
        message = answer["message"]
        wrong_request = message if answer["type"] == RequestError.__name__ else ""
        raise WorkerError(answer["told"], "exception", _tail(log), wrong_request, answer["type"])

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Kills the process and its process group. Safe from any thread, and safe to call again."""
        if not self._group_killed:  # once only: the system may give the number to another group later
            self._group_killed = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Kills the process and closes its pipes. Only the thread that calls `ask` may call this."""
        self.kill()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        if self._receive >= 0:
            os.close(self._receive)
            self._receive = -1

    def _wait(self, deadline: float, timeout_s: float, log: Path, memory_limit_bytes: int | None) -> bytes:
        with selectors.DefaultSelector() as selector:
            selector.register(self._receive, selectors.EVENT_READ)
            while b"\n" not in self._received:
                if selector.select(_POLL_S):
                    chunk = os.read(self._receive, 1 << 16)
                    if not chunk:
                        raise self._crashed(log)
                    self._received += chunk
                elif not self.alive:
                    raise self._crashed(log)
                elif time.monotonic() > deadline:
                    self.kill()
                    raise WorkerError(f"did not finish within {timeout_s:g} s, killed", "timeout", _tail(log))
                elif memory_limit_bytes is not None and group_bytes(self.pid) > memory_limit_bytes:
                    self.kill()
                    limit = f"{memory_limit_bytes / 2**20:.0f} MiB"
                    raise WorkerError(f"held more than {limit} of memory, killed", "memory", _tail(log))
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _crashed(self, log: Path) -> WorkerError:
        status = self._process.wait()
        self.kill()  # its child processes may still run
        tail = _tail(log) or _tail(self._own_log)
        if status >= 0:
            return WorkerError(
                f"the worker process exited with status {status}: what it ran ended it, as os._exit does", "crash", tail
            )
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        hint = ", perhaps out of memory" if -status == signal.SIGKILL else ""
        return WorkerError(f"the worker process crashed ({name}{hint}){_crashed_at(log)}", "crash", tail)


def _crashed_at(log: Path) -> str:
    """Returns the line of the user's file at which a process crashed, for a message; empty: its log names none."""
    *_, stack = _end(log).rpartition("(most recent call first)")
    line = users_line(reversed(written_stack(stack)))
    return f" at {line}" if line else ""


def _tail(log: Path) -> str:
    """Returns the last lines of a log. Of a progress bar, which rewrites its line, only the last state."""
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in _end(log).split("\n")]
    return "\n".join([line for line in lines if line.strip()][-_TAIL_LINES:])


def _end(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
