"""One connection by the user's own OpenSSH client, and the far side's orders on it."""

from __future__ import annotations

import contextlib
import errno
import json
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from pydantic import Field, ValidationError

from edge_export.devices.device import LinkLost
from edge_export.errors import RequestError, one_line
from edge_export.spec.fields import Record, Text, all_problems

FAR_SIDE = Path(__file__).with_name("far_side.py")
OLDEST_PYTHON = (3, 9)
_OPTIONS = ("BatchMode=yes", "ConnectTimeout=15", "ServerAliveInterval=15", "ServerAliveCountMax=3", "RequestTTY=no")
# Holds in any shell: nothing in it is special between single quotes.
_START = "python3 -c 'import sys; i = sys.stdin.buffer; exec(i.read(int(i.readline())))'"
_HELLO_SECONDS = 60.0
_LINE_BYTES, _NOISE_BYTES, _BLOCK = 1 << 22, 1 << 16, 1 << 18


@dataclass(frozen=True)
class Address:
    """Where to connect to: an alias of the user's configuration, or a host.

    Attributes:
        user, port: Empty: those of the user's configuration.
    """

    user: str
    host: str
    port: str

    @property
    def name(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")

    def command(self, remote: str) -> list[str]:
        """Returns the command of this machine that runs `remote`, a line of the far side's shell."""
        options = [word for option in _OPTIONS for word in ("-o", option)]
        user = ["-l", self.user] if self.user else []
        port = ["-p", self.port] if self.port else []
        return ["ssh", *options, *user, *port, "--", self.host, remote]


_ADDRESS = re.compile(
    r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@)?"
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?)\]|(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]*))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


def address_of(text: str) -> Address:
    """Returns the address in `[user@]host[:port]`. Raises RequestError if it is none."""
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match["port"] or 22) < 65536:
        raise RequestError(f"ssh:{one_line(text, 80)} is not a device: give ssh:[USER@]HOST[:PORT]")
    return Address(match["user"] or "", match["six"] or match["host"], match["port"] or "")


class Trouble(Record):
    """The answer to an order that could not be done."""

    error: Text
    errno: int | None = None


class Done(Record):
    """The answer to an order that was done."""

    ok: Literal[True]


class Size(Record):
    """The size of a file in bytes, which follows if it is no larger than agreed. None: it is not there."""

    size: int | None = Field(ge=0)


class Hello(Record):
    """What the far side says first."""

    ready: Literal["edge_export far side 1"]
    python: Text
    machine: Text
    executable: Text


class Link:
    """The far side at the other end of a connection.

    Attributes:
        device: The name of the device, for messages.
    """

    def __init__(self, device: str, to: IO[bytes], back: IO[bytes], why_lost: Callable[[], str]) -> None:
        self.device = device
        self._to, self._back, self._why_lost = to, back, why_lost

    def ask[Answer: Record](self, order: str, answer: type[Answer], **arguments: Any) -> Answer:
        """Sends an order and returns the answer.

        Raises:
            LinkLost: The connection ended.
            RequestError: The device can't do it, or answers something else.
        """
        self.send(order, **arguments)
        return self.answer(answer)

    def send(self, order: str, **arguments: Any) -> None:
        self._write(json.dumps({"do": order, **arguments}).encode() + b"\n")

    def answer[Answer: Record](self, answer: type[Answer]) -> Answer:
        """Returns the next answer. Raises as `ask` does."""
        line = self._back.readline(_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise self.lost()
        with contextlib.suppress(ValidationError):
            raise RequestError(f"{self.device}: {_trouble(Trouble.model_validate_json(line))}")
        try:
            return answer.model_validate_json(line)
        except ValidationError as error:
            raise all_problems(Path(f"{self.device}: what the far side says"), error) from error

    def put(self, sha256: str, size: int, file: Path) -> None:
        """Sends the content of a file. Raises as `ask` does."""
        self.send("put", sha256=sha256, size=size)
        with file.open("rb") as source:
            left = size
            while left and (block := source.read(min(_BLOCK, left))):
                self._write(block)
                left -= len(block)
        if left:
            raise RequestError(f"{file} became shorter while it was sent: start again")
        self.answer(Done)

    def get(self, run: str, path: str, limit: int) -> bytes | None:
        """Returns a file of a run's folder. None: it is not there, or larger than `limit` bytes."""
        size = self.ask("get", Size, run=run, path=path, limit=limit).size
        return None if size is None or size > limit else self.read(size)

    def read(self, size: int) -> bytes:
        """Returns the next `size` bytes, which follow an answer. Raises LinkLost if the connection ends before."""
        content = self._back.read(size)
        if len(content) < size:
            raise self.lost()
        return content

    def lost(self) -> LinkLost:
        return LinkLost(f"the link to {self.device} was lost{self._why_lost()}: --resume goes on with what is left")

    def _write(self, content: bytes) -> None:
        try:
            self._to.write(content)
            self._to.flush()
        except OSError as error:
            raise self.lost() from error


@contextmanager
def connected(address: Address) -> Iterator[Link]:
    """Connects, and starts the far side there. It ends with the block.

    Raises:
        RequestError: There is no ssh client, the host is not reached, refuses us, or has no Python.
    """
    device = f"ssh:{address.name}"
    with tempfile.TemporaryFile() as complaint:

        def complaints() -> str:
            complaint.seek(0)
            return complaint.read(_NOISE_BYTES).decode(errors="replace")

        try:
            process = subprocess.Popen(
                address.command(_START), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaint
            )
        except OSError as error:
            raise RequestError(
                f"{device}: ssh can't be started ({one_line(error)}): install OpenSSH's client"
            ) from error
        assert process.stdin is not None
        assert process.stdout is not None
        to, back = process.stdin, process.stdout
        late = threading.Timer(_HELLO_SECONDS, process.kill)
        try:
            late.start()
            text = FAR_SIDE.read_bytes()
            with contextlib.suppress(OSError):  # what it says of the reason comes below
                to.write(f"{len(text)}\n".encode() + text)
                to.flush()
            hello = _hello(back)
            late.cancel()
            if hello is None:
                code = _end(process)
                raise RequestError(f"{device}: {why_not_connected(address, code, complaints())}")
            _require_python(device, hello.python)
            yield Link(device, to, back, lambda: _lost_because(complaints()))
        finally:
            late.cancel()
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> int:
    """Ends the client by the end of its input, or by force. Returns its exit code."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    process.kill()
    process.stdout.close()
    return process.wait()


def _hello(back: IO[bytes]) -> Hello | None:
    """Returns what the far side says first, after what a login prints. None: it says nothing."""
    read = 0
    while read < _NOISE_BYTES and (line := back.readline(_NOISE_BYTES)):
        read += len(line)
        with contextlib.suppress(ValidationError):
            return Hello.model_validate_json(line)
    return None


def _require_python(device: str, version: str) -> None:
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_PYTHON:
        raise RequestError(f"{device}: its python3 is {one_line(version, 40)}; the runner needs Python 3.9 or later")


def why_not_connected(address: Address, code: int, complaint: str) -> str:
    """Returns one line for a connection that did not come about, from ssh's exit code and what it printed."""
    said = one_line(complaint.strip().splitlines()[-1] if complaint.strip() else f"exit code {code}", 200)
    if "REMOTE HOST IDENTIFICATION HAS CHANGED" in complaint:
        return (
            "its host key has changed: if you know why, remove the old one by "
            f"`ssh-keygen -R {address.host if not address.port else f'[{address.host}]:{address.port}'}`"
        )
    if "Host key verification failed" in complaint:
        return f"its host key is not known yet: connect once by `ssh {address.host}` and accept it"
    if "Permission denied" in complaint or "Too many authentication failures" in complaint:
        return f"it refused the login ({said}): give it your public key by `ssh-copy-id`"
    if "Could not resolve hostname" in complaint:
        return f"there is no such host ({said})"
    if code == 127 or "python3: not found" in complaint or "python3: command not found" in complaint:
        return "it has no python3: install Python 3.9 or later there, with numpy"
    if any(word in complaint for word in ("refused", "timed out", "No route", "unreachable")):
        return f"it can't be reached ({said}): is it on, and in this network?"
    return f"the far side did not start ({said})"


def _lost_because(complaint: str) -> str:
    lines = complaint.strip().splitlines()
    return f" ({one_line(lines[-1], 160)})" if lines else ""


def _trouble(trouble: Trouble) -> str:
    said = one_line(trouble.error, 300)
    if trouble.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"its disk is full ({said}): make room there"
    return said
