"""Requests on a phone of an emulated Mac: what comes back by either way, and what happens when it goes wrong."""

from __future__ import annotations

import dataclasses

import pytest
from emulated_mac.mac import UDID, Phone
from small_requests import largest_error, request_folder

from edge_export.devices.device import LinkLost
from edge_export.devices.run import run_on
from edge_export.devices.table import open_device
from edge_export.devices.xcode import found
from edge_export.devices.xcode_build import TEAM
from edge_export.errors import RequestError

ONE = (("verify", "classifier"),)
APP = "edge.family.demo.abcde12345"


@pytest.fixture
def run(mac, tmp_path):
    """A function that runs a request on the phone and returns its results."""

    def run_items(*wanted, resume=None):
        folder = tmp_path / "request"
        request = run_items.request = resume or request_folder(folder, *wanted)
        return run_on(open_device("xcode"), request, folder, lambda *_: None, resume=resume is not None)

    return run_items


def outcomes(results):
    return [(each.status.outcome, each.status.reason) for each in results.items.values()]


def runs_of_tests(mac):
    return sum(call[1] == "test-without-building" for call in mac.calls)


def refusal(run):
    """The one line that a run ends with."""
    with pytest.raises(RequestError) as caught:
        run(*ONE)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_each_member_has_a_run_of_its_own_and_its_outputs_are_right(run, mac):
    results = run(*ONE, ("bench", "classifier"), ("verify", "segmenter"))
    assert {outcome for outcome, _ in outcomes(results)} == {"done"}
    for name in ("0-classifier", "2-segmenter"):
        assert largest_error(results.items[name].outputs, name.partition("-")[2]) < 1e-5
    assert len(results.items["1-classifier"].samples.call_ms) >= 5
    assert (results.facts.model, results.facts.os) == ("iPhone 15 Pro", "iOS 18.1")
    assert runs_of_tests(mac) == 2
    (build,) = (call for call in mac.calls if call[1] == "build-for-testing")
    assert {"DEVELOPMENT_TEAM=ABCDE12345", f"EDGE_FAMILY_IDENTIFIER={APP}"} <= set(build)
    assert not any(call[3:5] == ["copy", "from"] for call in mac.calls)


def test_what_was_not_attached_comes_out_of_the_apps_folder(run, mac):
    mac.set(attaches=False)
    results = run(*ONE)
    assert outcomes(results) == [("done", "")]
    assert largest_error(results.items["0-classifier"].outputs, "classifier") < 1e-5
    assert any(call[3:5] == ["copy", "from"] for call in mac.calls)


def test_an_xcresult_without_attachments_and_an_empty_folder_are_one_line(run, mac):
    mac.set(attaches=False, keeps=False)
    assert "the tests brought no result" in refusal(run)


def test_a_crash_costs_one_item_and_what_ended_before_it_is_kept(run, mac):
    mac.set(crash_in="1-classifier")
    before, crashed, after = outcomes(run(*ONE, *ONE, ("verify", "segmenter")))
    assert before == after == ("done", "")
    assert crashed[0] == "failed"
    assert crashed[1].startswith("the tests crashed: EdgeFamilyDemo encountered an error (Crash: ")
    assert runs_of_tests(mac) == 3


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"phones": []}, "connect one by cable, unlock it and trust this Mac"),
        ({"phones": [Phone(tunnel="unavailable")]}, "attach it by cable"),
        ({"phones": [Phone(pairing="unpaired")]}, "unlock it and trust the Mac"),
        ({"phones": [Phone(developer_mode="disabled")]}, "Settings > Privacy & Security"),
        ({"phones": [Phone(), Phone(udid="2")]}, f"say which one, xcode:{UDID} or xcode:2"),
        ({"phones": [Phone(platform="watchOS")]}, "no phone is paired"),
        ({"locked": True}, "is locked: unlock it"),
        (
            {"build_says": "error: No profiles for 'edge.family.demo' were found: Xcode couldn't find any."},
            "signing was refused: add your Apple ID",
        ),
        ({"build_says": "/x/RequestTests.swift:9:1: error: cannot find 'x' in scope"}, "cannot find 'x' in scope"),
        (
            {"test_says": "It can't be launched: the Device was not, or could not be, unlocked."},
            "unlock it",
        ),
        ({"test_says": "{ platform:iOS, id:1, name:iPhone, error:Developer Mode disabled }"}, "Developer Mode is off"),
        ({"test_says": "xcodebuild: error: Unable to find a device matching the provided specifier"}, "is not there"),
        ({"test_says": "its profile has not been explicitly trusted by the user."}, "VPN & Device Management"),
        ({"test_says": "error: something new"}, "the tests did not start (something new)"),
    ],
)
def test_a_fault_is_one_line_that_says_what_to_do(run, mac, state, says):
    mac.set(**{"phones": [dataclasses.asdict(phone) for phone in state.pop("phones", [Phone()])], **state})
    assert says in refusal(run)


def test_a_link_that_is_lost_is_resumed(run, mac):
    mac.set(test_says="Lost connection to the device.")
    with pytest.raises(LinkLost, match="was lost: connect it again, then go on with --resume"):
        run(*ONE)
    mac.set(test_says="")
    assert outcomes(run(resume=run.request)) == [("done", "")]


def test_no_team_and_no_xcode_are_one_line(run, mac, monkeypatch):
    monkeypatch.delenv(TEAM)
    assert f"{TEAM} is '': set it to your team's ID" in refusal(run)
    (mac.folder / "bin" / "xcrun").unlink()
    assert "there is no Xcode: install Xcode 16 or newer" in refusal(run)


def test_the_phones_are_listed_with_what_is_wrong(mac):
    phones = [Phone(), Phone(udid="2", developer_mode="disabled", model="iPad Pro", platform="iPadOS")]
    mac.set(phones=[dataclasses.asdict(phone) for phone in phones])
    good, bad = found()
    assert (good.name, good.about, good.runs) == (f"xcode:{UDID}", "iPhone 15 Pro, iOS 18.1", ("coreml",))
    assert (bad.name, bad.runs) == ("xcode:2", ())
    assert "has Developer Mode off" in bad.problem


def test_a_listing_that_is_not_valid_is_one_line(mac):
    (mac.folder / "bin" / "xcrun").write_text("#!/bin/sh\nexit 0\n")
    (listed,) = found()
    assert "wrote no JSON: update Xcode" in listed.problem
