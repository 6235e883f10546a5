"""The package as users install it: a wheel with everything inside, run from any folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_installed_wheel_builds_from_any_folder(tmp_path):
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    source = tmp_path / "source"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in tracked.splitlines():
        if name.startswith(("edge_export/", "runner/", "pyproject.toml", "setup.py", "README.md")):
            assert not (ROOT / name).is_symlink()  # not every checkout has links
            if (ROOT / name).exists():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                (source / name).write_bytes((ROOT / name).read_bytes())
    wheel_command = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(wheel_command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"edge_export/targets/{name}.toml" for name in ("android", "ios", "linux")} <= names
    checkpoints = {f"edge_export/mothers/checkpoints/{name}.safetensors" for name in ("digits", "separator")}
    assert checkpoints <= names
    assert {f"edge_export/report/{name}" for name in ("page.html", "page.css", "page.js", "plot.css")} <= names
    assert {"edge_export/workers/pins/tensorflow.txt", "edge_export/devices/edge_runner.py"} <= names
    assert not [name for name in names if name.startswith(("runner", "tests", "examples", "benchmarks"))]

    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), str(wheel)], check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(site), "EDGE_EXPORT_CACHE": str(tmp_path / "cache")}
    check = [sys.executable, "-m", "edge_export", "devices", "check", "local"]
    subprocess.run(check, cwd=elsewhere, env=environment, check=True, capture_output=True)  # it has its runner
    request = ["build", "--target", "android", "--mother", "digits", "--members", "0.25", "--json"]
    command = [sys.executable, "-m", "edge_export", *request]
    done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    artifacts = json.loads(done.stdout)["members"][0]["artifacts"]
    assert [a["status"] for a in artifacts] == ["passed", "passed"]
    assert (elsewhere / "dist" / "android" / "manifest.json").is_file()
