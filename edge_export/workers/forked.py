"""The parent's side of a fork server: start it, have it fork workers, and watch these as `subprocess` would."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

MODULE = "edge_export.workers.fork_server"
REPLY_S = 300.0
"""The seconds within which a server replies, those of its imports included."""


class ForkedProcess:
    """A process that a fork server forked, with the part of `subprocess.Popen` that a worker needs.

    Attributes:
        pid: Its process id.
        stdin: Its standard input.
        returncode: Its exit status; None: it runs, as far as is known. Negative: the signal that ended it.
    """

    def __init__(self, pid: int, stdin: IO[bytes], status: int) -> None:
        self.pid, self.stdin, self._status = pid, stdin, status
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Returns its exit status, or None while it runs."""
        with self._lock:
            if self.returncode is None and select.select([self._status], [], [], 0)[0]:
                self._read_status()
            return self.returncode

    def wait(self) -> int:
        """Waits until it has ended, and returns its exit status."""
        with self._lock:
            if self.returncode is None:
                self._read_status()
            assert self.returncode is not None
            return self.returncode

    def _read_status(self) -> None:
        with os.fdopen(self._status, "rb") as stream:
            told = stream.read()
        self.returncode = int(told) if told else -signal.SIGKILL  # with the server, its workers are killed


class ForkServer:
    """A process that forks workers, see `fork_server.py`. The thread that creates it must outlive it.

    Args:
        shared: The modules that it imports.
        environment: The environment variables of all its workers.
        scratch: Its folder, which has its log.
    """

    def __init__(self, shared: Sequence[str], environment: Mapping[str, str], scratch: Path) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.settimeout(REPLY_S)
        self._lock = threading.Lock()
        command = [sys.executable, "-P", "-m", MODULE]
        command += ["--requests", str(theirs.fileno()), "--parent", str(os.getpid()), *shared]
        with theirs, (scratch / "fork_server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=scratch,
                env=dict(environment),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def fork(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, answers: int, log: int
    ) -> ForkedProcess:
        """Forks a worker.

        Args:
            arguments: Its arguments but for the answers and the parent.
            environment: The variables that differ from the server's.
            folder: Its current folder.
            answers, log: Descriptors for its answers and for what it prints.

        Raises:
            OSError: The server has ended, or does not reply. It is of no use any more: close it.
        """
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder)}
        stdin_read, stdin_write = os.pipe()
        status_read, status_write = os.pipe()
        try:
            with self._lock:
                socket.send_fds(
                    self._requests, [json.dumps(request).encode()], [stdin_read, answers, log, status_write]
                )
                pid = self._requests.recv(64)
            if not pid:
                raise OSError("the fork server has ended, or its worker could not begin")
        except OSError:
            os.close(stdin_write)
            os.close(status_read)
            raise
        finally:
            os.close(stdin_read)
            os.close(status_write)
        return ForkedProcess(int(pid), os.fdopen(stdin_write, "wb"), status_read)

    def close(self) -> None:
        """Ends the server and the workers that still run. Safe from any thread: a `fork` that waits raises OSError."""
        self._process.kill()
        self._process.wait()
        self._requests.close()
