"""Calls of the user's own `adb` program: a shell command, files there, a file back. Nothing here trusts the phone."""

from __future__ import annotations

import os
import re
import secrets
import selectors
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from edge_export.devices.device import LinkLost
from edge_export.errors import RequestError, one_line

SHORT_S = 60.0
"""The time limit of a command that answers at once."""
_TEXT_BYTES = 4 << 20
"""The most that a command may print, unless its caller says otherwise."""
_CHUNK = 1 << 16
_FULL = "No space left on device"


class TooMuch(RequestError):
    """A command printed more than was agreed."""


class Silence(RequestError):
    """A command printed nothing for too long."""


@dataclass(frozen=True)
class Answer:
    """What a shell command on the phone gave."""

    status: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")

    @property
    def complaint(self) -> str:
        """Its last words, in one line."""
        lines = (self.errors.strip() or self.text.strip()).splitlines()
        return one_line(lines[-1] if lines else f"exit status {self.status}", 200)


@dataclass(frozen=True)
class Adb:
    """One phone.

    Attributes:
        program: The path of `adb`.
        serial: Its serial number.
    """

    program: str
    serial: str

    @property
    def name(self) -> str:
        return f"adb:{self.serial}"

    def shell(
        self,
        command: str,
        *,
        timeout_s: float = SHORT_S,
        limit_bytes: int = _TEXT_BYTES,
        heard: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Runs a command of Android's shell.

        Args:
            timeout_s: The longest time without any output, in seconds.
            limit_bytes: The most that it may print.
            heard: Called with each part of its standard output as it arrives.

        Raises:
            LinkLost: The phone is gone.
            Silence: The command prints nothing, and does not end.
            TooMuch: It printed more.
        """
        # adb's own exit status is 0 if the link is lost (seen with 29.0.6), so the phone states the command's.
        mark = f"edge_export-{secrets.token_hex(8)}"
        script = f"( {command}\n); echo {mark} $? >&2"
        answer = self._call(["shell", script], timeout_s, limit_bytes, heard)
        errors, marked, status = answer.errors.rpartition(f"{mark} ")
        if not marked or not status.strip().isdigit():
            raise self._lost(answer)
        return Answer(int(status), answer.output, errors)

    def require(self, command: str, purpose: str, *, timeout_s: float = SHORT_S) -> Answer:
        """As `shell`, for a command that must succeed.

        Raises:
            RequestError: As `shell`; or the command failed, with `purpose` in the message.
        """
        answer = self.shell(command, timeout_s=timeout_s)
        if answer.status:
            raise self._failed(purpose, answer)
        return answer

    def push(self, files: Sequence[Path], target: str, *, timeout_s: float) -> None:
        """Copies files into the folder `target` of the phone, or one file to it. A failure may leave a part of a file.

        Raises:
            LinkLost: The phone is gone.
            RequestError: Its storage is full, or the files can't be stored.
        """
        answer = self._call(["push", *map(str, files), target], timeout_s, _TEXT_BYTES, None)
        if answer.status:
            purpose = f"files can't be stored in {target}"
            there = "remote" in answer.text + answer.errors  # adb prints some of its errors to standard output
            raise self._failed(purpose, answer) if there else self._lost(answer)

    def read(self, path: str, limit_bytes: int, *, timeout_s: float = 600.0) -> bytes | None:
        """Returns the content of a file of the phone; None if there is no such file.

        Raises:
            LinkLost: The phone is gone.
            TooMuch: The file has more than `limit_bytes`.
        """
        # Not by `adb pull`: that takes whatever size the phone sends.
        answer = self.shell(f"cat {quoted(path)}", timeout_s=timeout_s, limit_bytes=limit_bytes)
        return None if answer.status else answer.output

    def _call(
        self, arguments: Sequence[str], timeout_s: float, limit_bytes: int, heard: Callable[[bytes], None] | None
    ) -> Answer:
        try:
            return run_program([self.program, "-s", self.serial, *arguments], timeout_s, limit_bytes, heard)
        except (Silence, TooMuch) as error:
            raise type(error)(f"{self.name}: {error}") from None

    def _failed(self, purpose: str, answer: Answer) -> RequestError:
        if _FULL in answer.errors + answer.text:
            return RequestError(f"{self.name}: its storage is full, {purpose}: free some space there")
        return RequestError(f"{self.name}: {purpose} ({answer.complaint})")

    def _lost(self, answer: Answer) -> LinkLost:
        why = re.search(r"^(?:adb: )?error: (.*)$", answer.errors + answer.text, re.MULTILINE)
        said = one_line(why[1], 200) if why else "the answer broke off"
        return LinkLost(f"the link to {self.name} was lost ({said}): connect it again, then go on with --resume")


def quoted(text: str) -> str:
    """Quotes a word for Android's shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def run_program(
    command: Sequence[str],
    timeout_s: float,
    limit_bytes: int = _TEXT_BYTES,
    heard: Callable[[bytes], None] | None = None,
    source: IO[bytes] | None = None,
) -> Answer:
    """Runs a program, and ends it if it takes too long or prints too much.

    It is in a session of its own: Ctrl-C reaches this process alone, which then may still talk to the phone.

    Args:
        timeout_s: The longest time without any output, in seconds.
        limit_bytes: The most that it may print to standard output.
        heard: Called with each part of its standard output as it arrives.
        source: The file that is its standard input. None: it has none.

    Raises:
        Silence: It printed nothing for `timeout_s` seconds.
        TooMuch: It printed more than `limit_bytes`.
    """
    parts: dict[str, bytearray] = {"output": bytearray(), "errors": bytearray()}
    limits = {"output": limit_bytes, "errors": _TEXT_BYTES}
    with (
        subprocess.Popen(
            command,
            stdin=source or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process,
        selectors.DefaultSelector() as selector,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        selector.register(process.stdout, selectors.EVENT_READ, "output")
        selector.register(process.stderr, selectors.EVENT_READ, "errors")
        try:
            while selector.get_map():
                ready = selector.select(timeout_s)
                if not ready:
                    raise Silence(f"no answer within {timeout_s:g} s")
                for key, _ in ready:
                    chunk = os.read(key.fd, _CHUNK)
                    if not chunk:
                        selector.unregister(key.fileobj)
                        continue
                    parts[key.data] += chunk
                    if len(parts[key.data]) > limits[key.data]:
                        raise TooMuch(f"it sent more than {limits[key.data]} bytes")
                    if heard is not None and key.data == "output":
                        heard(chunk)
            status = process.wait()
        finally:
            process.kill()  # does nothing if it has ended
    return Answer(status, bytes(parts["output"]), parts["errors"].decode(errors="replace"))
