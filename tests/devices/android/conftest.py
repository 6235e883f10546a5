"""The real adb client, with a server of its own, and emulated phones that are attached to it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess

import pytest
from emulated_phone.phone import EmulatedPhone
from emulated_phone.state import APP_CONTENT

from edge_export.devices.adb_client import Adb
from edge_export.devices.android_install import APK

PORT = "ANDROID_ADB_SERVER_PORT"


@pytest.fixture(scope="session")
def adb_server(tmp_path_factory):
    """The environment of the real adb client: its server is not the user's, and has a key of its own."""
    if shutil.which("adb") is None:
        pytest.skip("the Debian package adb is missing")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    home = str(tmp_path_factory.mktemp("adb-home"))
    environment = {**os.environ, PORT: str(port), "HOME": home}
    subprocess.run(["adb", "start-server"], env=environment, check=True, capture_output=True, timeout=60)
    yield {PORT: str(port)}
    subprocess.run(["adb", "kill-server"], env=environment, check=True, capture_output=True, timeout=60)


@pytest.fixture
def attach(adb_server, monkeypatch, tmp_path):
    """A function that makes an emulated phone with the given state, and attaches it."""
    for name, value in adb_server.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(APK, str(tmp_path / "runner.apk"))
    (tmp_path / "runner.apk").write_bytes(APP_CONTENT)
    phones = []

    def attach_one(**state: object) -> EmulatedPhone:
        phone = EmulatedPhone(tmp_path / f"phone{len(phones)}", **state)
        phones.append(phone)
        subprocess.run(["adb", "connect", phone.serial], check=True, capture_output=True, timeout=60)
        return phone

    yield attach_one
    for phone in phones:
        subprocess.run(["adb", "disconnect", phone.serial], check=False, capture_output=True, timeout=60)
        phone.close()


@pytest.fixture
def phone(attach):
    """An emulated phone that works."""
    return attach()


@pytest.fixture
def adb(phone):
    return Adb(shutil.which("adb"), phone.serial)
