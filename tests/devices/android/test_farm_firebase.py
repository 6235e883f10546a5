"""`farm firebase`: the printed command is run as it is, by a gcloud that drives an emulated phone, and merged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from edge_export.__main__ import main

ROOT = Path(__file__).resolve().parents[3]
GCLOUD = ROOT / "tests" / "emulated_farm" / "gcloud.py"


@pytest.fixture
def bundle(small_bundle, tmp_path):
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


@pytest.fixture
def edge_export(tmp_path):
    def run(*words: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "EDGE_EXPORT_CACHE": str(tmp_path / "cache"), "COLUMNS": "80"}
        command = [sys.executable, "-m", "edge_export", "farm", "firebase", *map(str, words)]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
        )

    return run


@pytest.fixture
def app(tmp_path):
    path = tmp_path / "app.apk"
    with zipfile.ZipFile(path, "w") as apk:
        apk.writestr("AndroidManifest.xml", b"\x03\x00\x08\x00")
    return path


def test_the_printed_command_runs_as_it_is_and_its_results_are_merged(edge_export, bundle, app, phone, tmp_path):
    order = ("--device", "model=shiba,version=34", "--app", app, "--rounds", 1, "--seconds", 0.05)
    printed = edge_export(bundle, *order)
    assert printed.returncode == 0, printed.stderr
    (tmp_path / "bin").mkdir()
    gcloud = tmp_path / "bin" / "gcloud"
    gcloud.write_text(f'#!/bin/sh\nexec {sys.executable} {GCLOUD} "$@"\n')
    gcloud.chmod(0o755)
    lab = {"TEST_LAB_PHONE": phone.serial, "TEST_LAB_RESULTS": str(tmp_path / "bucket")}
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", printed.stdout], env={**os.environ, **lab, "PATH": path}, check=True, timeout=300)
    (results,) = (tmp_path / "bucket").iterdir()
    spare = shutil.copytree(results, tmp_path / "spare" / results.name)
    done = edge_export(bundle, "--results", results, "--json")
    assert done.returncode == 0, done.stderr
    (device,) = json.loads(done.stdout)["devices"]
    assert device["device"] == "farm:firebase:shiba-34-en-portrait"
    assert [run["verdict"] for run in device["runs"]] == ["passed"]
    (timed,) = json.loads((bundle / "perf.json").read_text())["devices"]
    assert (timed["device"], timed["indicative"]) == (device["device"], True)
    again = edge_export(bundle, "--results", spare)
    assert (again.returncode, "it was started elsewhere, or is merged" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "--device is missing"),
        (["--results", "x", "--device", "y"], "--device would have no effect"),
        (["--results", "x"], "has another name than edge_export-ID"),
        (["--results", "edge_export-0123456789abcdef"], "there is no such folder"),
        (["--device", "model=shiba,version=34", "--app", "none.apk"], "none.apk: there is no such file: make one by"),
    ],
)
def test_a_wrong_command_is_one_line(small_bundle, options, message, capsys):
    assert main(["farm", "firebase", str(small_bundle), *options]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert message in shown.err
