"""The real runner app on an emulated phone: its APK is installed, its Instrumentation runs on this machine's Java.

Android's classes are Robolectric's; the runtime is Android's own TFLite library, set up by `aar:x86_64`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from crashing_file import make_crash
from emulated_phone.state import APP
from small_requests import largest_error, request_folder

from edge_export.devices.aar import library_folder
from edge_export.devices.aar_setup import set_up
from edge_export.devices.adb import AdbPhone
from edge_export.devices.adb_client import Adb
from edge_export.devices.android_install import APK, BUILT
from edge_export.devices.folder import describe_part
from edge_export.devices.run import run_on

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = {
    "javac": "default-jdk-headless",
    "mvn": "maven",
    "aapt2": "aapt",
    "apksigner": "apksigner",
    "dexdump": "dexdump",
    "gcc": "gcc",
    "unzip": "unzip",
    "zip": "zip",
    "zipalign": "zipalign",
}


@pytest.fixture(scope="module")
def on_jvm():
    """The command that plays `am` on this machine's Java, after the runner app was built."""
    for program, package in PACKAGES.items():
        if shutil.which(program) is None:
            pytest.skip(f"the Debian package {package} is missing")
    set_up("x86_64", print)
    subprocess.run(["make", "-C", "android_demo", "runner-on-jvm"], cwd=ROOT, check=True, timeout=1800)
    arguments = ROOT / "android_demo/runner-on-jvm/target/java.args"
    java = [shutil.which("java"), "-XX:+SuppressFatalErrorMessage", f"@{arguments}"]
    return ["env", f"LD_LIBRARY_PATH={library_folder('x86_64')}", *java]


@pytest.fixture
def phone(attach, on_jvm, monkeypatch):
    """A phone without the app, which it can run."""
    phone = attach(runner="", jvm=on_jvm)
    monkeypatch.delenv(APK)
    return phone


@pytest.mark.slow
def test_a_bundle_is_proven_by_the_real_app(phone, small_bundle, tmp_path):
    bundle = shutil.copytree(small_bundle, tmp_path / "bundle")
    command = [sys.executable, "-m", "edge_export", "verify", bundle, "--device", "adb", "--json"]
    environment = {**os.environ, "EDGE_EXPORT_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr
    (member,) = json.loads(done.stdout)["members"]
    assert [(run["artifact"], run["verdict"]) for run in member["runs"]] == [("tflite-builtin-fp32", "passed")]
    kept = json.loads((bundle / "numerics.json").read_text())["members"][0]["runs"]
    (run,) = (each for each in kept if each["device"] == f"adb:{phone.serial}")
    assert run["runtime"] == "TensorFlow Lite 2.16.1 for Android"
    assert phone.state.inside(APP).read_bytes() == BUILT.read_bytes()


@pytest.mark.slow
def test_a_member_that_crashes_its_engine_costs_one_item(phone, tmp_path):
    folder = tmp_path / "request"
    request = request_folder(folder, ("verify", "classifier"), ("verify", "segmenter"), ("bench", "classifier"))
    first, bad, last = request.items
    make_crash(folder / bad.artifact.path)
    bad = bad.model_copy(update={"artifact": describe_part(bad.artifact.path, folder / bad.artifact.path)})
    request = request.model_copy(update={"items": (first, bad, last)})
    (folder / "request.json").write_text(request.model_dump_json(by_alias=True))
    device = AdbPhone(Adb(shutil.which("adb"), phone.serial))
    results = run_on(device, request, folder, lambda *_: None, resume=False)
    statuses = {item.id: results.items[item.id].status for item in request.items}
    assert (statuses[bad.id].outcome, statuses[bad.id].reason) == ("failed", "the runner ended: Process crashed.")
    assert [statuses[item.id].outcome for item in (first, last)] == ["done", "done"]
    assert largest_error(results.items[first.id].outputs, "classifier") < 1e-5
    assert results.facts.runner == "edgefamily 1.0"
