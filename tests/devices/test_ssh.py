"""ssh devices against a real sshd on loopback: the way there and back, what goes wrong, and a link that is cut."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from real_sshd import SSHD, Sshd, free_port, new_key, running_sshd, write_client

from edge_export.devices.check import check_device
from edge_export.devices.device import LinkLost, Report
from edge_export.devices.folder import describe_part, write_folder
from edge_export.devices.request import Item, Request
from edge_export.devices.results import Results
from edge_export.devices.run import run_on
from edge_export.devices.ssh import found, open_ssh
from edge_export.devices.ssh_link import address_of
from edge_export.errors import RequestError

pytestmark = pytest.mark.skipif(SSHD is None, reason="sshd is missing: apt-get install openssh-server")
HELLO = '{{"ready": "edge_export far side 1", "python": "3.7.3", "machine": "armv7l", "executable": "p"}}'
OLD = f"echo '{HELLO}'"
VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "folder"


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    folder = tmp_path / "sshd"
    folder.mkdir()
    with running_sshd(folder) as running:
        yield running


@pytest.fixture
def board(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sshd:
    """The sshd that `ssh board` reaches."""
    use(write_client(tmp_path / "client", {"board": sshd}), monkeypatch)
    return sshd


def use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def stored(board: Sshd) -> set[str]:
    return {path.name for path in (board.home / "edge_export_runner" / "blobs").iterdir()}


def make_request(folder: Path, count: int) -> Request:
    """A request folder of `count` items with the artifact of the vectors."""
    whole = Request.model_validate_json((VECTORS / "request.json").read_bytes())
    item: Item = whole.items[0]
    items = tuple(item.model_copy(update={"id": f"i{number}"}) for number in range(count))
    request = whole.model_copy(update={"items": items, "run_id": "ssh1"})
    folder.mkdir()
    write_folder(folder, request, {part.path: VECTORS / part.path for part in (item.artifact, item.inputs)})
    return request


def test_a_request_goes_there_and_back_and_nothing_is_sent_twice(board: Sshd, tmp_path: Path) -> None:
    device = open_ssh("board")
    request = make_request(tmp_path / "one", 2)
    told: list[tuple[str, str]] = []
    results = run_on(device, request, tmp_path / "one", lambda *event: told.append(event), resume=False)
    assert told == [("i0", "started"), ("i0", "done"), ("i1", "started"), ("i1", "done")]
    assert {name: each.status.outcome for name, each in results.items.items()} == {"i0": "done", "i1": "done"}
    assert list((board.home / "edge_export_runner" / "runs").iterdir()) == []  # cleaned
    contents = {path: path.stat().st_ino for path in (board.home / "edge_export_runner" / "blobs").iterdir()}
    assert len(contents) == 3  # the runner, one artifact, one file of inputs
    request = make_request(tmp_path / "two", 1)
    run_on(device, request, tmp_path / "two", lambda *_: None, resume=False)
    assert {path: path.stat().st_ino for path in (board.home / "edge_export_runner" / "blobs").iterdir()} == contents


def cut_when_told(board: Sshd, when: tuple[str, str], told: list[tuple[str, str]]) -> Report:
    def report(item: str, state: str) -> None:
        told.append((item, state))
        if (item, state) == when:
            board.cut()

    return report


def wait_for_the_end(board: Sshd) -> None:
    """Waits until the runner there has ended by itself."""
    for _ in range(600):
        if not board.sessions():
            return
        time.sleep(0.1)
    raise AssertionError("the runner goes on")


def outcomes(results: Results) -> list[str]:
    return [each.status.outcome for each in results.items.values()]


def test_a_cut_connection_is_resumed(board: Sshd, tmp_path: Path) -> None:
    device = open_ssh("board")
    folder = tmp_path / "request"
    request = make_request(folder, 6)
    with pytest.raises(LinkLost, match=r"the link to ssh:board was lost.*: --resume goes on"):
        run_on(device, request, folder, cut_when_told(board, ("i2", "started"), []), resume=False)
    wait_for_the_end(board)
    there = board.home / "edge_export_runner" / "runs" / "ssh1" / "results"
    finished = {path.name for path in there.iterdir() if (path / "status.json").is_file()}
    assert {"i0", "i1"} <= finished < {item.id for item in request.items}
    told: list[tuple[str, str]] = []
    results = run_on(device, request, folder, lambda *event: told.append(event), resume=True)
    assert {item for item, state in told if state == "finished before"} == finished
    assert {item for item, state in told if state == "started"} == {item.id for item in request.items} - finished
    assert outcomes(results) == ["done"] * 6


def test_what_was_finished_is_here_when_the_device_has_lost_everything(board: Sshd, tmp_path: Path) -> None:
    device = open_ssh("board")
    folder = tmp_path / "request"
    request = make_request(folder, 3)
    with pytest.raises(LinkLost):
        run_on(device, request, folder, cut_when_told(board, ("i2", "started"), []), resume=False)
    wait_for_the_end(board)
    shutil.rmtree(board.home / "edge_export_runner")
    kept = {path: path.stat().st_mtime_ns for path in (folder / "results").rglob("*")}
    assert sorted(path.name for path in (folder / "results").iterdir()) == ["i0", "i1"]
    told: list[tuple[str, str]] = []
    results = run_on(device, request, folder, lambda *event: told.append(event), resume=True)
    assert told[:2] == [("i0", "finished before"), ("i1", "finished before")]
    assert told[2:] == [("i2", "started"), ("i2", "done")]
    assert outcomes(results) == ["done"] * 3
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    again = run_on(device, request, folder, lambda *_: None, resume=True)  # nothing is left to run
    assert outcomes(again) == ["done"] * 3


def test_a_runner_that_is_killed_there_is_resumed(board: Sshd, tmp_path: Path) -> None:
    device = open_ssh("board")
    folder = tmp_path / "request"
    request = make_request(folder, 3)

    def kill(item: str, state: str) -> None:
        if (item, state) == ("i1", "started"):
            (runner,) = (each for each in board.sessions() if "--until-eof" in each.cmdline())
            runner.kill()

    with pytest.raises(LinkLost, match="the runner was ended from outside: --resume goes on"):
        run_on(device, request, folder, kill, resume=False)
    assert (folder / "results" / "i0" / "status.json").is_file()
    assert outcomes(run_on(device, request, folder, lambda *_: None, resume=True)) == ["done"] * 3


def test_check_proves_the_way(board: Sshd) -> None:
    facts = check_device(open_ssh("board"))
    assert facts.runtimes["tflite"].startswith("LiteRT ")
    assert not facts.emulated


def test_list_asks_the_hosts_in_the_file(board: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = tmp_path / "config" / "edge_export" / "ssh_hosts"
    hosts.parent.mkdir(parents=True)
    hosts.write_text(f"# ours\nboard  # on the desk\n127.0.0.1:{free_port()}\n-oProxyCommand=x\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    board_listed, gone, no_host = found()
    assert board_listed.name == "ssh:board"
    assert board_listed.runs[0].startswith("LiteRT ")
    assert "can't be reached" in gone.problem
    assert "is not a device" in no_host.problem


def refusal(device: str) -> str:
    with pytest.raises(RequestError) as caught:
        open_ssh(device).facts()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_host_key_that_changed(board: Sshd, tmp_path: Path) -> None:
    known = tmp_path / "client" / "known_hosts"
    new_key(tmp_path / "other")
    public = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    known.write_text(f"[127.0.0.1]:{board.port} {public}\n")
    assert "its host key has changed" in refusal("board")


def test_a_host_key_that_is_unknown(board: Sshd, tmp_path: Path) -> None:
    (tmp_path / "client" / "known_hosts").write_text("")
    assert "its host key is not known yet: connect once by `ssh board`" in refusal("board")


def test_a_refused_login(board: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_key(tmp_path / "stranger")
    use(write_client(tmp_path / "other", {"board": board}, key=tmp_path / "stranger"), monkeypatch)
    assert "it refused the login" in refusal("board")


def test_a_host_that_is_not_there(board: Sshd) -> None:
    assert "can't be reached (ssh: connect to host 127.0.0.1" in refusal(f"127.0.0.1:{free_port()}")


def test_a_name_that_nobody_has(board: Sshd) -> None:
    assert "there is no such host" in refusal("no-such-host.invalid")


@pytest.mark.parametrize(
    ("python", "reason"),
    [
        (None, "it has no python3"),
        ('exec {bare} "$@"', "numpy is missing for"),
        (OLD, "its python3 is 3.7.3"),
    ],
    ids=["no python3", "no numpy", "an old python3"],
)
def test_a_machine_that_lacks_something(
    python: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools, folder = tmp_path / "tools", tmp_path / "sshd"
    tools.mkdir()
    folder.mkdir()
    for tool in ("env", "sh"):
        (tools / tool).symlink_to(shutil.which(tool) or "")
    venv.create(tmp_path / "bare")
    if python is not None:
        (tools / "python3").write_text(f"#!/bin/sh\n{python.format(bare=tmp_path / 'bare' / 'bin' / 'python')}\n")
        (tools / "python3").chmod(0o755)
    with running_sshd(folder, path=str(tools)) as sshd:
        use(write_client(tmp_path / "client", {"board": sshd}), monkeypatch)
        assert reason in refusal("board")


def test_a_full_disk(board: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = make_request(tmp_path / "request", 1)
    monkeypatch.setattr("edge_export.devices.ssh._SPARE_BYTES", 1 << 60)
    with pytest.raises(RequestError, match=r"ssh:board: its disk is full: .* are free: make room there"):
        run_on(open_ssh("board"), request, tmp_path / "request", lambda *_: None, resume=False)


@pytest.fixture
def small_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """The sshd that `ssh board` reaches, with a disk of 24 megabytes."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    with running_sshd(folder, disk="24m") as sshd:
        use(write_client(tmp_path / "client", {"board": sshd}), monkeypatch)
        yield sshd


def large_request(folder: Path, size: int) -> Request:
    """A request of one item whose artifact has `size` random bytes."""
    request = make_request(folder, 1)
    (item,) = request.items
    (folder / "large").write_bytes(os.urandom(size))
    artifact = describe_part("artifacts/large", folder / "large")
    request = request.model_copy(update={"items": (item.model_copy(update={"artifact": artifact}),)})
    write_folder(folder, request, {artifact.path: folder / "large", item.inputs.path: VECTORS / item.inputs.path})
    return request


def test_a_disk_that_fills_up_while_files_arrive(
    small_board: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = open_ssh("board")
    device.facts()
    before = stored(small_board)
    # Something else takes the room after it was found to suffice.
    monkeypatch.setattr("edge_export.devices.ssh._SPARE_BYTES", -(1 << 60))
    request = large_request(tmp_path / "large", 30 << 20)
    with pytest.raises(RequestError, match=r"^ssh:board: its disk is full \(No space left.*\): make room there$"):
        run_on(device, request, tmp_path / "large", lambda *_: None, resume=False)
    assert stored(small_board) == before
    assert list((small_board.home / "edge_export_runner" / "runs").iterdir()) == []
    fits = make_request(tmp_path / "fits", 1)
    assert outcomes(run_on(device, fits, tmp_path / "fits", lambda *_: None, resume=True)) == ["done"]


def test_a_disk_that_fills_up_during_the_run(small_board: Sshd, tmp_path: Path) -> None:
    device = open_ssh("board")
    folder = tmp_path / "request"
    request = make_request(folder, 3)
    other = small_board.home / "other"

    def fill(item: str, state: str) -> None:
        if (item, state) == ("i0", "done"):
            with contextlib.suppress(OSError), other.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))

    with pytest.raises(RequestError, match=r"^ssh:board: the disk is full, make room there: .*No space left"):
        run_on(device, request, folder, fill, resume=False)
    assert list((small_board.home / "edge_export_runner" / "runs").iterdir()) == []
    finished = {path.name for path in (folder / "results").iterdir()}
    assert "i0" in finished
    assert "i2" not in finished
    other.unlink()
    assert outcomes(run_on(device, request, folder, lambda *_: None, resume=True)) == ["done"] * 3


def test_a_folder_there_that_can_not_be_written(board: Sshd) -> None:
    (board.home / "edge_export_runner").write_text("a file is in the way")
    assert "ssh:board" in refusal("board")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "-oProxyCommand=touch /tmp/x",
        "a b",
        "host;ls",
        "$(ls)",
        "user@-host",
        "host:0",
        "host:99999",
        "host:x",
        "[::1",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(RequestError, match="is not a device"):
        address_of(address)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("board", ("", "board", "")),
        ("pi@board.local:2222", ("pi", "board.local", "2222")),
        ("pi@[fe80::1%eth0]:22", ("pi", "fe80::1%eth0", "22")),
    ],
)
def test_addresses(text: str, parts: tuple[str, str, str]) -> None:
    address = address_of(text)
    assert (address.user, address.host, address.port) == parts
    assert address.name == text
