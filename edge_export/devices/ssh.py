"""`ssh:[user@]host[:port]`: a machine that the user's own OpenSSH client reaches, with their configuration and keys.

`ssh:[user@]host[:port]#xcode[:udid]` is a phone of the Mac at that address.
"""

from __future__ import annotations

import contextlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

from pydantic import Field

from edge_export.devices import xcode
from edge_export.devices.device import Device, LinkLost, Listed, Report
from edge_export.devices.folder import parts_of
from edge_export.devices.request import DEVICE, STATUS, Request
from edge_export.devices.results import DEVICE_BYTES, agreed_limits, is_whole, keep_result
from edge_export.devices.runner_process import RUNNER, check_exit, hear, read_facts
from edge_export.devices.ssh_link import Address, Done, Link, address_of, connected
from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import write_atomically
from edge_export.files.hashing import file_sha256
from edge_export.spec.device import DeviceFacts
from edge_export.spec.fields import Record, Sha256, Text

_SPARE_BYTES = 16 << 20
"""What stays free on the device's disk, for results."""


class Missing(Record):
    """Which contents the device lacks, and the free bytes of its disk."""

    missing: tuple[Sha256, ...]
    free_bytes: int


class Said(Record):
    """What a program printed, and its exit code."""

    code: int
    out: str = ""
    err: str = ""


class Followed(Record):
    """A line of the runner; or, at its end, its exit code and its complaint.

    Attributes:
        item: The item that the line says is finished; empty: none.
        sizes: The bytes of each of its files, which follow in this order.
    """

    event: str | None = None
    item: str = ""
    sizes: dict[str, int] = Field(default_factory=dict)
    code: int = 0
    err: str = ""


class Assembled(Record):
    folder: Text


class Ssh:
    """A machine with Python and numpy."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.name = f"ssh:{address.name}"

    def facts(self) -> DeviceFacts:
        with connected(self._address) as link:
            runner = _send(link, {file_sha256(RUNNER): RUNNER})[0]
            said = link.ask("facts", Said, runner=runner)
            return read_facts(said.code, said.out, said.err, self.name)

    def run(self, folder: Path, request: Request, report: Report, *, resume: bool) -> None:
        left = []
        for item in request.items:
            if is_whole(folder, request, item):
                report(item.id, "finished before")
            else:
                left.append(item)
        if not left:
            write_atomically(folder / DEVICE, self.facts().model_dump_json(by_alias=True).encode())
            return
        with connected(self._address) as link:
            try:
                _run(link, folder, request.model_copy(update={"items": tuple(left)}), report)
            except LinkLost:
                raise
            except RequestError:
                with contextlib.suppress(RequestError):
                    link.ask("clean", Done, run=request.run_id, failed=True)
                raise


def open_ssh(rest: str) -> Device:
    """Returns the machine at `[user@]host[:port]`, or a phone of it.

    Raises:
        RequestError: `rest` is not such an address; or for a phone as `open_xcode`.
    """
    text, behind, udid = _parts(rest)
    return xcode.open_on(address_of(text), udid) if behind else Ssh(address_of(text))


def _parts(rest: str) -> tuple[str, bool, str]:
    """Returns the address, whether a phone behind it is meant, and the udid of that phone; empty: the only one."""
    text, behind, phone = rest.partition("#")
    kind, _, udid = phone.partition(":")
    if behind and kind != "xcode":
        raise RequestError(f"ssh:{one_line(rest, 80)} is not a device: only #xcode[:UDID] may follow an address")
    return text, bool(behind), udid


def _send(link: Link, files: dict[str, Path]) -> list[str]:
    """Sends the contents that are not there yet. Returns all their sha256.

    Raises:
        RequestError: They don't fit on the device's disk, or are folders.
    """
    if folder := next((path for path in files.values() if path.is_dir()), None):
        raise RequestError(f"{folder.name} is a folder, which no Python runner has a runtime for")
    told = link.ask("missing", Missing, sha256s=list(files))
    missing = {sha256: path for sha256, path in files.items() if sha256 in told.missing}
    size = sum(path.stat().st_size for path in missing.values())
    if missing and size + _SPARE_BYTES > told.free_bytes:
        needed, free = (size + _SPARE_BYTES) / 1e6, told.free_bytes / 1e6
        raise RequestError(
            f"{link.device}: its disk is full: {needed:.0f} MB are needed, with room for results, and {free:.0f} MB "
            "are free: make room there"
        )
    for sha256, path in missing.items():
        link.put(sha256, path.stat().st_size, path)
    return list(files)


def _run(link: Link, folder: Path, request: Request, report: Report) -> None:
    """Runs a request. Each item's result is in `folder` before its end is reported."""
    limits = agreed_limits(folder, request)
    run, runner, parts = request.run_id, file_sha256(RUNNER), parts_of(request)
    _send(link, {runner: RUNNER, **{part.sha256: folder / path for path, part in parts.items()}})
    files = {path: part.sha256 for path, part in parts.items()}
    link.ask("assemble", Assembled, run=run, files=files, request=request.model_dump_json(by_alias=True))
    link.send("run", run=run, runner=runner, limits=limits)
    while (said := link.answer(Followed)).event is not None:
        _keep_result(link, said, limits, folder)
        hear(said.event.encode(), report)
    facts = link.get(run, DEVICE, DEVICE_BYTES)
    if facts is not None:
        write_atomically(folder / DEVICE, facts)
    check_exit(said.code, said.err, link.device)
    link.ask("clean", Done, run=run, failed=False)


def _keep_result(link: Link, said: Followed, limits: dict[str, dict[str, int]], folder: Path) -> None:
    """Brings one item's files here, whole or not at all.

    Raises:
        LinkLost: The connection ended.
        RequestError: They are not what was agreed, or can't be written here.
    """
    agreed = limits.get(said.item, {})
    if any(not 0 <= size <= agreed.get(name, -1) for name, size in said.sizes.items()):
        raise RequestError(f"{link.device}: it sends files that were not agreed: is its Python sound?")
    contents = {name: link.read(size) for name, size in said.sizes.items()}
    if STATUS in contents:
        keep_result(folder, said.item, contents)


def hosts_file() -> Path:
    """Returns the file that names the ssh devices of `devices list`, one `[user@]host[:port]` a line.

    `#` and a space start a comment; `#xcode` behind an address means the phones of the Mac there.
    """
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "edge_export" / "ssh_hosts"


def found() -> list[Listed]:
    """Asks every host in the file of hosts at once."""
    path = hosts_file()
    if not path.is_file():
        return []
    lines = (re.split(r"(?:^|\s)#", line)[0].strip() for line in path.read_text("utf-8", errors="replace").splitlines())
    hosts = list(dict.fromkeys(line for line in lines if line))
    with ThreadPoolExecutor(max_workers=16) as askers:
        return list(chain.from_iterable(askers.map(_listed, hosts)))


def _listed(host: str) -> list[Listed]:
    name = f"ssh:{one_line(host, 80)}"
    try:
        text, behind, udid = _parts(host)
        address = address_of(text)
        if behind:
            return [each for each in xcode.listed_on(address) if not udid or each.name.endswith(f":{udid}")]
        facts = Ssh(address).facts()
    except RequestError as error:
        return [Listed(name, "", problem=str(error))]
    return [Listed(name, facts.model, tuple(facts.runtimes.values()))]
