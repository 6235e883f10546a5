"""The doctor tries everything for real, and says how to mend what is broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_export.formats import FORMATS
from edge_export.workers.environments import ENVIRONMENTS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_broken_converter_is_named_and_the_rest_still_tried(tmp_path):
    (tmp_path / "onnx2tf.py").write_text("raise ImportError('half an installation')\n")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
        "EDGE_EXPORT_CACHE": str(tmp_path / "cache"),
    }
    command = [sys.executable, "-m", "edge_export", "doctor", "--json"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    checks = {(c["kind"], c["name"]): c for c in json.loads(done.stdout)["checks"]}
    assert checks["converter", "executorch"]["ok"]
    assert checks["runtime", "ExecuTorch"]["ok"]
    assert checks["converter", "coreml"]["ok"]
    broken = checks["converter", "tflite"]
    assert broken["ok"] is False
    assert "half an installation" in broken["detail"]
    assert "pip install onnx2tf==" in broken["remedy"]
    assert ("runtime", "LiteRT") not in checks
    for name, size in (("tensorflow", "2.2 GB"), ("litert-torch", "800 MB on disk")):
        missing = checks["environment", name]
        assert missing["ok"] is None
        assert f"edge_export doctor --setup {name}" in missing["remedy"]
        assert size in missing["remedy"]
    missing = checks["converter", "coreai"]
    assert (missing["ok"], missing["detail"]) == (None, "not set up")
    assert "edge_export doctor --setup coreai" in missing["remedy"]


@pytest.mark.slow
def test_an_environment_is_found_at_once_and_tried(edge_export, tensorflow_environment, coreai_environment, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "environments").symlink_to(tensorflow_environment.parents[2])
    done = edge_export("doctor", "--setup", "tensorflow", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["environment"] == "tensorflow"
    assert Path(answer["python"]).samefile(tensorflow_environment)
    assert "making" not in done.stderr
    assert "is set up in" in edge_export("doctor", "--setup", "tensorflow").stdout

    done = edge_export("doctor", "--json")
    assert done.returncode == 0, done.stdout
    checks = {(c["kind"], c["name"]): c for c in json.loads(done.stdout)["checks"]}
    third = checks.pop(("environment", "litert-torch"))
    assert third["ok"] or "doctor --setup litert-torch" in third["remedy"]
    swift = checks.pop(("program", "Swift"))  # Debian 12 has no package of it
    assert swift["ok"] or "make -C ios_demo swift" in swift["remedy"]
    assert all(c["ok"] and not c["remedy"] for c in checks.values())
    assert checks["runtime", "LiteRT"]["version"] == "2.1.2"
    assert checks["runtime", "TensorFlow"]["version"] == "2.21.0"
    assert checks["environment", "tensorflow"]["version"] == "tensorflow 2.21.0"
    assert checks["converter", "coreai"]["version"] == "coreai-torch 0.4.3"
    assert checks["runtime", "Core AI"]["detail"].startswith("agrees with PyTorch")


def test_an_unknown_environment_is_a_wrong_request(edge_export):
    done = edge_export("doctor", "--setup", "tensorfow")
    assert done.returncode == 2
    known = "tensorflow, coreai, litert-torch"
    assert done.stderr.splitlines() == [f"edge_export: there is no environment 'tensorfow', only {known}"]


def test_remedies_install_what_is_locked():
    files = {name: ENVIRONMENTS[name].pins_path for name in ENVIRONMENTS} | {"": ROOT / "requirements.lock"}
    for known in FORMATS.values():
        assert set(known.packages) <= set(files[known.environment].read_text().splitlines())
