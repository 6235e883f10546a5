"""`farm aws --platform ios`: the real boto3, a service of our own, and the app as `make -C ios_demo ipa` makes it.

The Python runner takes the place of the app's tests, and runs `.tflite` files.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from emulated_farm.iphones import WITHOUT_ZIPS, ZIPS, farm_of_iphones, make_ipa
from emulated_farm.operations import POOL, PROJECT
from emulated_farm.service import Service

from edge_export.__main__ import main
from edge_export.devices.farms.platforms import PLATFORMS

pytestmark = pytest.mark.skipif(not ZIPS, reason=WITHOUT_ZIPS)
NAMES = ["farm:aws:Apple_iPhone_15_Pro:18.1", "farm:aws:Apple_iPhone_12:17.5"]
FIRST = "0000-recorded"


@pytest.fixture
def farm(environment, tmp_path, monkeypatch):
    """The service with two iPhones."""
    monkeypatch.setitem(PLATFORMS, "ios", dataclasses.replace(PLATFORMS["ios"], formats=("tflite",)))
    service = Service(farm_of_iphones(tmp_path))
    monkeypatch.setenv("AWS_ENDPOINT_URL_DEVICE_FARM", service.url)
    yield service.operations
    service.close()


@pytest.fixture
def bundle(small_bundle, tmp_path):
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


@pytest.fixture
def farm_aws(farm, bundle, tmp_path, monkeypatch, capsys):
    """A function that runs the command, and returns its exit code and its JSON."""
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    app = make_ipa(farm.devices[0][1].mac, tmp_path / "made")

    def run(*options: object, pool: str = POOL) -> tuple[int, dict]:
        order = ("--platform", "ios", "--project", PROJECT, "--pool", pool, "--app", app, "--every", 0.2)
        code = main(["farm", "aws", str(bundle), *map(str, (*order, *options)), "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_a_bundle_is_proven_and_timed_on_two_iphones_and_a_crash_costs_a_start(farm, farm_aws, bundle):
    crashing = farm.devices[1][1].mac
    crashing.set(crash_in=FIRST, crashes=1)
    code, answer = farm_aws("--seconds", 0.05, "--rounds", 1)
    assert (code, answer["failed"], answer["result"]) == (0, [], "PASSED")
    assert [each["device"] for each in answer["devices"]] == NAMES
    perf = {each["device"]: each for each in json.loads((bundle / "perf.json").read_text())["devices"]}
    for name, about in zip(NAMES, ("Apple iPhone 15 Pro", "Apple iPhone 12"), strict=True):
        (timed,) = perf[name]["artifacts"]
        assert (perf[name]["indicative"], timed["latency"]["rounds"][0]["count"] > 0) == (True, True)
        assert (perf[name]["facts"]["model"], perf[name]["facts"]["os"][:4]) == (about, "iOS ")
    kinds = [asked["type"] for name, asked in farm.calls if name == "CreateUpload"]
    assert kinds == ["IOS_APP", "APPIUM_NODE_TEST_PACKAGE", "APPIUM_NODE_TEST_SPEC"]
    assert sum(call[1] == "test-without-building" for call in crashing.calls) == 2


def test_results_that_are_not_attached_come_out_of_the_apps_folder_if_they_are_there(farm, farm_aws):
    for _, host in farm.devices:
        host.mac.set(attaches=False)
    farm.devices[1][1].mac.set(keeps=False)
    code, answer = farm_aws("--rounds", 0)
    assert code == 1
    assert [run["verdict"] for run in answer["devices"][0]["runs"]] == ["passed"]
    (failure,) = answer["failed"]
    assert failure.startswith(f"{NAMES[1]}: there is no device.json: the runner app did not start")


def test_tests_that_do_not_start_and_a_damaged_archive_cost_their_phone(farm, farm_aws):
    farm.devices[0][1].mac.set(test_says="error: something new")
    farm.faults.spoil["Apple iPhone 12"] = "garbled"
    code, answer = farm_aws("--rounds", 0)
    assert (code, answer["result"]) == (1, "FAILED")
    assert "there is no device.json" in answer["failed"][0]
    assert "the archive of its results can't be used: " in answer["failed"][1]
    assert sum(call[1] == "test-without-building" for call in farm.devices[0][1].mac.calls) == 1
