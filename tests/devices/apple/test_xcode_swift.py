"""The Swift runner, built here, as the test of an emulated Mac's phone: by `xcode`, and in a farm.

`make -C ios_demo test` runs this with the runner and the bundle that it has built.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path

import pytest
from emulated_farm.iphones import WITHOUT_ZIPS, ZIPS, farm_of_iphones, make_ipa
from emulated_farm.operations import POOL, PROJECT
from emulated_farm.service import Service
from emulated_mac.mac import UDID

from edge_export.__main__ import main

RUNNER = shlex.split(os.environ.get("SWIFT_RUNNER", ""))
BUILT = Path(__file__).resolve().parents[3] / "ios_demo" / "build" / "bundles" / "digits"
pytestmark = [
    pytest.mark.swift,
    pytest.mark.skipif(not RUNNER, reason="swift is missing: make -C ios_demo test builds the runner with it"),
]


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    return Path(shutil.copytree(BUILT, tmp_path / "digits"))


def runs(bundle: Path) -> dict[str, dict[str, dict]]:
    """The runs in numerics.json by device and artifact."""
    found: dict[str, dict[str, dict]] = {}
    for member in json.loads((bundle / "numerics.json").read_text())["members"]:
        for run in member["runs"]:
            found.setdefault(run["device"], {})[run["artifact"]] = run
    return found


def test_the_numbers_of_the_swift_runner_are_those_that_the_package_has(mac, bundle, capsys):
    mac.set(runner=RUNNER)
    assert main(["verify", str(bundle), "--device", "xcode"]) == 0
    print(capsys.readouterr().out)  # shown by pytest -rP
    here, there = runs(bundle)["local"], runs(bundle)[f"xcode:{UDID}"]
    assert list(there) == ["coreml-mlprogram-fp16", "coreml-mlprogram-fp32"]  # the app has no engine for the third
    for artifact in there:
        assert there[artifact]["verdict"] == "passed"
        assert there[artifact]["agreement"]["snr_db"] == pytest.approx(here[artifact]["agreement"]["snr_db"], abs=0.1)


@pytest.mark.skipif(not ZIPS, reason=WITHOUT_ZIPS)
def test_an_item_in_which_the_app_always_crashes_costs_itself_alone_in_a_farm(
    environment, bundle, tmp_path, monkeypatch, capsys
):
    service = Service(farm_of_iphones(tmp_path, 1, runner=RUNNER))
    monkeypatch.setenv("AWS_ENDPOINT_URL_DEVICE_FARM", service.url)
    mac = service.operations.devices[0][1].mac
    mac.set(crash_in="0000-recorded")
    app = make_ipa(mac, tmp_path / "made")
    order = ["--platform", "ios", "--project", PROJECT, "--pool", POOL, "--app", str(app), "--every", "0.2"]
    try:
        code = main(["farm", "aws", str(bundle), *order, "--rounds", "1", "--seconds", "0.05"])
    finally:
        service.close()
    assert code == 1
    print(capsys.readouterr().out)
    there = runs(bundle)["farm:aws:Apple_iPhone_15_Pro:18.1"]
    assert sorted(run["verdict"] for run in there.values()) == ["failed", "passed"]
    reasons = [run["reason"] for run in there.values() if run["verdict"] == "failed"]
    assert "the process ended twice in this item" in reasons[0]
    (device,) = json.loads((bundle / "perf.json").read_text())["devices"]
    assert [each["outcome"] for each in device["artifacts"]] == ["done", "done"]
    assert sum(call[1] == "test-without-building" for call in mac.calls) == 3
