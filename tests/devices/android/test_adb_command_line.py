"""verify, bench and devices on an emulated phone, as a user types them: a real bundle, the real adb client."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from emulated_phone.state import PIXEL

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def bundle(small_bundle, tmp_path):
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


@pytest.fixture
def start(tmp_path):
    """A function that starts `python -m edge_export …`."""

    def start_verb(*words: object) -> subprocess.Popen[str]:
        environment = {**os.environ, "COLUMNS": "80", "EDGE_EXPORT_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-m", "edge_export", *map(str, words)]
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start_verb


@pytest.fixture
def edge_export(start):
    """A function that runs it to its end: (exit code, standard output, standard error)."""

    def run(*words: object) -> tuple[int, str, str]:
        with start(*words) as process:
            output, errors = process.communicate(timeout=900)
        return process.returncode, output, errors

    return run


def test_a_bundle_is_proven_on_the_phone(edge_export, bundle, phone):
    code, output, errors = edge_export("verify", bundle, "--device", "adb", "--json")
    assert code == 0, errors
    (member,) = json.loads(output)["members"]
    assert [(run["artifact"], run["verdict"]) for run in member["runs"]] == [("tflite-builtin-fp32", "passed")]
    kept = json.loads((bundle / "numerics.json").read_text())
    runs = [run for each in kept["members"] for run in each["runs"] if run["device"] == f"adb:{phone.serial}"]
    assert [run["verdict"] for run in runs] == ["passed"]


def test_an_emulator_spares_the_held_out_set_and_the_verdict_says_so(edge_export, bundle, attach):
    attach(props=PIXEL | {"ro.kernel.qemu": "1"})
    code, output, errors = edge_export("verify", bundle, "--device", "adb", "--json")
    assert code == 0, errors
    answer = json.loads(output)
    assert answer["spared"] == "without the held-out set, for which an emulator takes hours"
    ((run,),) = (member["runs"] for member in answer["members"])
    assert (run["metric"], run["reason"]) == (None, f"within tolerance of the mother; {answer['spared']}")


def test_a_lost_link_is_one_line_and_resume_goes_on(edge_export, bundle, phone):
    phone.set(offline_after=1)
    code, output, errors = edge_export("verify", bundle, "--device", "adb")
    assert (code, output) == (2, "")
    assert f"edge_export: the link to adb:{phone.serial} was lost" in errors.splitlines()[-1]
    phone.set(offline=False)
    phone.wait_until_online()
    code, output, errors = edge_export("verify", bundle, "--device", "adb", "--resume")
    assert code == 0, errors
    assert f"adb:{phone.serial}: everything passed" in output


def test_a_bundle_is_timed_on_the_phone(edge_export, bundle, phone):
    settings = ("--device", f"adb:{phone.serial}", "--rounds", 2, "--seconds", 0.05)
    code, output, errors = edge_export("bench", bundle, *settings)
    assert code == 0, errors
    assert "Pixel 8, Tensor G3, Android 15 (API 35)" in output
    (device,) = json.loads((bundle / "perf.json").read_text())["devices"]
    (timed,) = device["artifacts"]
    assert (device["device"], timed["artifact"]) == (f"adb:{phone.serial}", "tflite-builtin-fp32")
    rounds = timed["latency"]["rounds"]
    assert [each["before"]["cooled"] for each in rounds] == [True, True]
    assert phone.state.read().reported is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=["INT", "TERM", "HUP"])
def test_the_battery_is_true_again_after_an_interruption(start, bundle, phone, number):
    with start("bench", bundle, "--device", "adb", "--rounds", 50) as process:
        while phone.state.read().reported is None:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.send_signal(number)
        _, errors = process.communicate(timeout=900)
    assert process.returncode == 130
    assert "interrupted" in errors.splitlines()[-1]
    assert phone.state.read().reported is None
    assert not (bundle / "perf.json").exists()


@pytest.mark.parametrize(
    "words", [("devices", "check", "adb"), ("verify", "BUNDLE", "--device", "adb")], ids=["check", "verify"]
)
def test_a_battery_that_a_killed_bench_left_unplugged_is_found_and_reset(start, edge_export, bundle, phone, words):
    with start("bench", bundle, "--device", "adb", "--rounds", 50) as process:
        while phone.state.read().reported is None:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.kill()
    assert phone.state.read().reported is not None
    code, _, errors = edge_export(*(bundle if word == "BUNDLE" else word for word in words))
    assert code == 0, errors
    assert phone.state.read().reported is None


def test_list_shows_the_phone_and_check_proves_the_way(edge_export, phone):
    code, output, errors = edge_export("devices", "list")
    assert code == 0, errors
    assert f"adb:{phone.serial}" in output
    code, output, errors = edge_export("devices", "check", "adb")
    assert code == 0, errors
    assert f"adb:{phone.serial}: a file of a hundred bytes went there and was read by" in output


def test_a_phone_that_cannot_be_used_is_one_line(edge_export, bundle, attach):
    attach(unauthorized=True)
    code, output, errors = edge_export("bench", bundle, "--device", "adb")
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1
    assert "unlock the phone and allow USB debugging from this computer" in errors
