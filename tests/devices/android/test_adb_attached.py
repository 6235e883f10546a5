"""The phones that the real adb client knows, and which of them is meant."""

from __future__ import annotations

import re
import shutil
import time

import pytest

from edge_export.devices.adb_attached import attached_phones, choose_phone, find_adb
from edge_export.errors import RequestError


@pytest.fixture
def program(adb_server):
    return shutil.which("adb")


def test_the_only_phone_needs_no_serial_number(program, phone):
    assert choose_phone(program, "").serial == phone.serial
    assert choose_phone(program, "").model == "Pixel 8"


def test_of_two_phones_one_must_be_named(program, attach):
    first, second = attach(), attach()
    with pytest.raises(RequestError, match=f"2 phones are attached: say which one, .*adb:{second.serial}"):
        choose_phone(program, "")
    assert choose_phone(program, first.serial).serial == first.serial


def test_of_two_phones_the_usable_one_is_taken(program, attach):
    attach(unauthorized=True)
    usable = attach()
    assert choose_phone(program, "").serial == usable.serial


def test_no_phone(program, attach):
    with pytest.raises(RequestError, match="no phone is attached: connect one by USB"):
        choose_phone(program, "")


def test_another_serial_number(program, phone):
    with pytest.raises(RequestError, match=f"no phone adb:R58M is attached; attached: adb:{phone.serial}"):
        choose_phone(program, "R58M")


def test_a_phone_that_did_not_allow_this_computer(program, attach):
    phone = attach(unauthorized=True)
    with pytest.raises(RequestError, match=f"adb:{phone.serial} is unauthorized: unlock the phone and allow USB"):
        choose_phone(program, "")


def test_a_phone_that_is_offline(program, phone):
    phone.set(offline=True)
    while [each.state for each in attached_phones(program)] != ["offline"]:
        time.sleep(0.05)
    with pytest.raises(RequestError, match=f"adb:{phone.serial} is offline: connect it again"):
        choose_phone(program, "")


def test_adb_is_found_on_path_and_in_the_sdk(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("ANDROID_SDK_ROOT", raising=False)
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path / "sdk"))
    with pytest.raises(RequestError, match=re.escape("adb is neither on PATH nor in ANDROID_HOME: install")):
        find_adb()
    tools = tmp_path / "sdk" / "platform-tools"
    tools.mkdir(parents=True)
    (tools / "adb").write_text("#!/bin/sh\n")
    (tools / "adb").chmod(0o755)
    assert find_adb() == str(tools / "adb")


def test_what_adb_prints_before_the_list_is_no_phone(monkeypatch, tmp_path):
    fake = tmp_path / "adb"
    fake.write_text(
        "#!/bin/sh\necho '* daemon started successfully *'\necho 'List of devices attached'\n"
        "echo 'R58M12 no permissions; see [http://developer.android.com/tools/device.html] usb:1-1'\n"
        "echo 'emulator-5554          device product:sdk model:sdk_gphone64 device:emu64 transport_id:1'\n"
    )
    fake.chmod(0o755)
    phones = attached_phones(str(fake))
    assert [(phone.serial, phone.state, phone.model) for phone in phones] == [
        ("R58M12", "no permissions", ""),
        ("emulator-5554", "device", "sdk gphone64"),
    ]
