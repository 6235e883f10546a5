"""The real adb client on an emulated phone: what its answers mean."""

from __future__ import annotations

import threading

import pytest

from edge_export.devices import adb_client
from edge_export.devices.adb_client import Adb, Silence, TooMuch
from edge_export.devices.device import LinkLost
from edge_export.errors import RequestError


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


def test_the_name_of_a_phone_is_that_of_the_device():
    assert Adb("adb", "127.0.0.1:5555").name == "adb:127.0.0.1:5555"
