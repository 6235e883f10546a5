"""verify and bench on a phone of an emulated Mac, as a user asks for them, with a real bundle."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from emulated_mac.mac import UDID

from edge_export.__main__ import main


@pytest.fixture
def bundle(small_bundle, tmp_path):
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


def test_a_bundle_is_proven_and_timed_on_the_phone(mac, bundle, capsys):
    assert main(["verify", str(bundle), "--device", "xcode", "--json"]) == 0
    (member,) = json.loads(capsys.readouterr().out)["members"]
    assert [(run["artifact"], run["verdict"]) for run in member["runs"]] == [("tflite-builtin-fp32", "passed")]
    kept = json.loads((bundle / "numerics.json").read_text())
    runs = [run for each in kept["members"] for run in each["runs"] if run["device"] == f"xcode:{UDID}"]
    assert [run["verdict"] for run in runs] == ["passed"]

    settings = ["--device", f"xcode:{UDID}", "--rounds", "1", "--seconds", "0.05"]
    assert main(["bench", str(bundle), *settings]) == 0
    assert "iPhone 15 Pro, " in capsys.readouterr().out
    (device,) = json.loads((bundle / "perf.json").read_text())["devices"]
    assert (device["device"], device["artifacts"][0]["artifact"]) == (f"xcode:{UDID}", "tflite-builtin-fp32")


def test_a_phone_that_is_locked_is_one_line(mac, bundle, capsys):
    mac.set(locked=True)
    assert main(["bench", str(bundle), "--device", "xcode"]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert f"xcode:{UDID} is locked: unlock it" in told.err
