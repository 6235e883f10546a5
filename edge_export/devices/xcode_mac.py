"""The Mac that has Xcode: this machine, or one that OpenSSH reaches. Commands run there; folders go there."""

from __future__ import annotations

import shlex
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from edge_export.cache import cache_folder
from edge_export.devices.adb_client import SHORT_S, Answer, Silence, TooMuch, run_program
from edge_export.devices.device import LinkLost
from edge_export.devices.ssh_link import Address, why_not_connected
from edge_export.errors import RequestError, one_line

_TEXT_BYTES = 64 << 20
"""The most that a build may print."""
_PUT_S = 3600.0
_SSH_FAILED = 255
_NOT_FOUND = 127
_REMOTE_FOLDER = 'f="${XDG_CACHE_HOME:-$HOME/.cache}/edge_export_xcode"; mkdir -p "$f" && cd "$f" && pwd -P'
_UNPACK = 'rm -rf "$1" && mkdir -p "$1" && tar -xf - -C "$1"'


@dataclass(frozen=True)
class Mac:
    """A Mac.

    Attributes:
        address: Where OpenSSH reaches it; None: it is this machine.
    """

    address: Address | None = None

    @property
    def name(self) -> str:
        return "xcode" if self.address is None else f"ssh:{self.address.name}#xcode"

    @cached_property
    def folder(self) -> str:
        """The folder there that holds the project, what was built of it, and the requests that run.

        Raises:
            RequestError: It can't be made, or the Mac is not reached.
        """
        if self.address is None:
            folder = cache_folder() / "devices" / "xcode"
            folder.mkdir(parents=True, exist_ok=True)
            return str(folder)
        answer = self.require(["sh", "-c", _REMOTE_FOLDER], "its cache folder can't be made")
        return answer.text.strip()

    def run(
        self,
        command: Sequence[str],
        *,
        variables: Mapping[str, str] | None = None,
        silence_s: float = SHORT_S,
        limit_bytes: int = _TEXT_BYTES,
        heard: Callable[[bytes], None] | None = None,
        source: IO[bytes] | None = None,
    ) -> Answer:
        """Runs a command there.

        Args:
            variables: What its environment has besides.
            silence_s: The longest time without any output, in seconds.
            limit_bytes: The most that it may print.
            heard: Called with each part of its standard output as it arrives.
            source: The file that is its standard input.

        Raises:
            LinkLost: The Mac is not reached.
            Silence: The command prints nothing, and does not end.
            TooMuch: It printed more.
            RequestError: There is no such command.
        """
        words = ["env", *(f"{name}={value}" for name, value in (variables or {}).items()), *command]
        if self.address is not None:
            words = self.address.command(shlex.join(words))
        try:
            answer = run_program(words, silence_s, limit_bytes, heard, source)
        except (Silence, TooMuch) as error:
            raise type(error)(f"{self.name}: {error}") from None
        except OSError as error:
            raise RequestError(f"{self.name}: {words[0]} can't be started ({one_line(error.strerror)})") from error
        if self.address is not None and answer.status == _SSH_FAILED:
            why = why_not_connected(self.address, answer.status, answer.errors)
            raise LinkLost(f"{self.name}: {why}; then go on with --resume")
        if answer.status == _NOT_FOUND:
            raise RequestError(f"{self.name}: there is no Xcode: install Xcode 16 or newer there")
        return answer

    def require(self, command: Sequence[str], purpose: str) -> Answer:
        """As `run`, for a command that must succeed. Raises RequestError, with `purpose` in the message, if not."""
        answer = self.run(command)
        if answer.status:
            raise RequestError(f"{self.name}: {purpose} ({answer.complaint})")
        return answer

    def put(self, folder: Path, target: str, leave_out: frozenset[str] = frozenset()) -> None:
        """Brings the content of a folder there; `target` then holds nothing else.

        Args:
            leave_out: Names of files and folders that stay here, at any depth.

        Raises:
            LinkLost: The Mac is not reached.
            RequestError: Its disk is full, or it can't write there.
        """

        def chosen(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
            return None if Path(entry.name).name in leave_out else entry

        with tempfile.TemporaryFile() as packed:
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(folder, ".", filter=chosen)
            packed.seek(0)
            answer = self.run(["sh", "-c", _UNPACK, "sh", target], silence_s=_PUT_S, source=packed)
        if answer.status:
            raise RequestError(f"{self.name}: {target} can't be written ({answer.complaint}): make room there")

    def read(self, path: str, limit_bytes: int) -> bytes | None:
        """Returns the content of a file there; None: there is no such file.

        Raises:
            LinkLost: The Mac is not reached.
            TooMuch: The file has more than `limit_bytes`.
        """
        answer = self.run(["cat", "--", path], limit_bytes=limit_bytes)
        return None if answer.status else answer.output

    def remove(self, *paths: str) -> None:
        """Removes files and folders there, if they are there. Raises RequestError if it can't."""
        self.require(["rm", "-rf", "--", *paths], "old files can't be removed")
