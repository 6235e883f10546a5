"""A phone of a Mac that a real sshd on loopback stands for: the project and the request go there, results come back."""

from __future__ import annotations

import os

import pytest
from emulated_mac.mac import UDID, new_mac
from real_sshd import SSHD, running_sshd, write_client
from small_requests import largest_error, request_folder

from edge_export.devices.run import run_on
from edge_export.devices.ssh import found
from edge_export.devices.table import open_device
from edge_export.devices.xcode_build import TEAM
from edge_export.errors import RequestError

pytestmark = pytest.mark.skipif(SSHD is None, reason="sshd is missing: apt-get install openssh-server")
NAME = f"ssh:mac#xcode:{UDID}"


@pytest.fixture
def far(tmp_path, monkeypatch):
    """A Mac whose programs only the sessions of `ssh mac` find."""
    made, folder = new_mac(tmp_path / "mac"), tmp_path / "sshd"
    folder.mkdir()
    with running_sshd(folder, path=f"{made.folder / 'bin'}:/usr/bin:/bin") as sshd:
        client = write_client(tmp_path / "client", {"mac": sshd})
        monkeypatch.setenv("PATH", f"{client}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv(TEAM, "ABCDE12345")
        yield made


def test_a_request_runs_on_the_phone_of_another_mac(far, tmp_path):
    request = request_folder(tmp_path / "request", ("verify", "classifier"))
    device = open_device("ssh:mac#xcode")
    assert device.name == NAME
    results = run_on(device, request, tmp_path / "request", lambda *_: None, resume=False)
    ((_, result),) = results.items.items()
    assert largest_error(result.outputs, "classifier") < 1e-5
    (build,) = (call for call in far.calls if call[1] == "build-for-testing")
    assert str(tmp_path / "sshd" / "home" / "edge_export_xcode" / "ios_demo") in " ".join(build)


def test_its_phones_are_listed_and_one_that_is_gone_is_one_line(far, tmp_path, monkeypatch):
    hosts = tmp_path / "config" / "edge_export" / "ssh_hosts"
    hosts.parent.mkdir(parents=True)
    hosts.write_text("mac#xcode  # on the desk\nmac#watch\nnowhere.invalid#xcode\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    phone, other, gone = found()
    assert (phone.name, phone.about) == (NAME, "iPhone 15 Pro, iOS 18.1")
    assert "only #xcode[:UDID] may follow an address" in other.problem
    assert "there is no such host" in gone.problem
    with pytest.raises(RequestError, match=f"no phone ssh:mac#xcode:1 is paired with that Mac; paired: {NAME}"):
        open_device("ssh:mac#xcode:1")
