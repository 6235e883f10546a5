"""`ssh:[user@]host[:port]`: a machine that the user's own OpenSSH client reaches, with their configuration and keys."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edge_export.devices.device import Listed, Report
from edge_export.devices.folder import parts_of
from edge_export.devices.request import DEVICE, REQUEST, STATUS, Request
from edge_export.devices.results import DEVICE_BYTES, RESULTS, agreed_files, is_whole, load_inputs
from edge_export.devices.runner_process import RUNNER, check_exit, hear, read_facts
from edge_export.devices.ssh_link import Address, Done, Link, address_of, connected
from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import whole_folder, write_atomically
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
    """A line of the runner; or, at its end, its exit code and its complaint."""

    event: str | None = None
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
        inputs = load_inputs(folder, request)
        parts = parts_of(request)
        run = request.run_id
        with connected(self._address) as link:
            runner = file_sha256(RUNNER)
            _send(link, {runner: RUNNER, **{part.sha256: folder / path for path, part in parts.items()}})
            files = {path: part.sha256 for path, part in parts.items()}
            link.ask("assemble", Assembled, run=run, files=files, request=(folder / REQUEST).read_text("utf-8"))
            ended = _follow(link, run, runner, report)
            _bring(link, run, DEVICE, DEVICE_BYTES, folder / DEVICE)
            for item in request.items:
                if not is_whole(folder, request, item):
                    limits = agreed_files(item, inputs[item.inputs.path])
                    _bring_item(link, run, item.id, limits, folder / RESULTS / item.id)
            check_exit(ended.code, ended.err, self.name)
            link.ask("clean", Done, run=run)


def open_ssh(rest: str) -> Ssh:
    """Raises RequestError if `rest` is not `[user@]host[:port]`."""
    return Ssh(address_of(rest))


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


def _follow(link: Link, run: str, runner: str, report: Report) -> Followed:
    """Starts the runner and passes on what it says, until its end."""
    link.send("run", run=run, runner=runner)
    while (said := link.answer(Followed)).event is not None:
        hear(said.event.encode(), report)
    return said


def _bring_item(link: Link, run: str, item: str, limits: dict[str, int], place: Path) -> None:
    """Brings one item's files back, whole or not at all. Nothing is brought of an item that is not finished."""
    contents = {name: link.get(run, f"{RESULTS}/{item}/{name}", limit) for name, limit in limits.items()}
    if contents[STATUS] is None:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(place) as staged:
        for name, content in contents.items():
            if content is not None:
                (staged / name).write_bytes(content)


def _bring(link: Link, run: str, path: str, limit: int, target: Path) -> None:
    content = link.get(run, path, limit)
    if content is not None:
        write_atomically(target, content)


def hosts_file() -> Path:
    """Returns the file that names the ssh devices of `devices list`, one `[user@]host[:port]` a line."""
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "edge_export" / "ssh_hosts"


def found() -> list[Listed]:
    """Asks every host in the file of hosts at once."""
    path = hosts_file()
    if not path.is_file():
        return []
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8", errors="replace").splitlines())
    hosts = list(dict.fromkeys(line for line in lines if line))
    with ThreadPoolExecutor(max_workers=16) as askers:
        return list(askers.map(_listed, hosts))


def _listed(host: str) -> Listed:
    name = f"ssh:{one_line(host, 80)}"
    try:
        facts = open_ssh(host).facts()
    except RequestError as error:
        return Listed(name, "", problem=str(error))
    return Listed(name, facts.model, tuple(facts.runtimes.values()))
