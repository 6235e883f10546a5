"""The real adb client on an emulated phone: what its answers mean."""

from __future__ import annotations

import re
import shutil
import threading
import time

import pytest

from edge_export.devices import adb_client
from edge_export.devices.adb_client import Adb, Silence, TooMuch, attached_phones, choose_phone, find_adb
from edge_export.devices.device import LinkLost
from edge_export.errors import RequestError


@pytest.fixture
def program(adb_server):
    return shutil.which("adb")


def test_output_errors_and_exit_status_come_apart(adb):
    answer = adb.shell("echo out; echo err >&2; exit 7")
    assert (answer.status, answer.text, answer.errors) == (7, "out\n", "err\n")


def test_a_quoted_word_stays_as_it_is(adb):
    word = 'it\'s $HOME; `ls` "x"'
    assert adb.shell(f"echo {adb_client.quoted(word)}").text == f"{word}\n"


def test_a_lost_link_is_no_success(adb, phone):
    """adb's own exit status is 0 then."""
    threading.Timer(0.5, lambda: phone.set(offline=True)).start()
    with pytest.raises(LinkLost, match=rf"^the link to adb:{phone.serial} was lost .*--resume$"):
        adb.shell("echo started; sleep 60")
    with pytest.raises(LinkLost, match="offline"):
        adb.shell("true")


def test_a_command_that_says_nothing_is_ended(adb, phone):
    with pytest.raises(Silence, match=rf"adb:{phone.serial}: no answer within 0.2 s"):
        adb.shell("sleep 60", timeout_s=0.2)


def test_more_output_than_agreed_is_not_read(adb):
    with pytest.raises(TooMuch, match="more than 1000 bytes"):
        adb.shell("yes", limit_bytes=1000)


def test_files_go_there_and_come_back(adb, phone, tmp_path):
    content = bytes(range(256)) * 5000
    (tmp_path / "sent").write_bytes(content)
    adb.push([tmp_path / "sent"], "/data/local/tmp/", timeout_s=60)
    assert (phone.tmp / "sent").read_bytes() == content
    assert adb.read("/data/local/tmp/sent", len(content)) == content
    assert adb.read("/data/local/tmp/missing", 10) is None
    with pytest.raises(TooMuch):
        adb.read("/data/local/tmp/sent", len(content) - 1)


def test_full_storage_is_said(adb, phone, tmp_path):
    phone.set(free_bytes=1000)
    (tmp_path / "large").write_bytes(bytes(100_000))
    with pytest.raises(RequestError, match=rf"^adb:{phone.serial}: its storage is full, .*: free some space there$"):
        adb.push([tmp_path / "large"], "/data/local/tmp/", timeout_s=60)


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


def test_the_name_of_a_phone_is_that_of_the_device():
    assert Adb("adb", "127.0.0.1:5555").name == "adb:127.0.0.1:5555"
