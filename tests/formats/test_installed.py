"""A format is an extra: one installs without the others; what is missing is named with the line that installs it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from edge_export.errors import RequestError
from edge_export.formats import FORMATS, installed
from edge_export.formats.installed import require_installed, why_not_installed

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LEFT_OUT = ("executorch", "coremltools", "torchao")
TARGET = """
name = "board"
mother = "digits"
members = "0.25"
[tolerances.member.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
"""
ARTIFACT = """
[[artifacts]]
format = "{}"
backend = "{}"
precision = "fp32"
[tolerances.{}.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
"""


def target(*names: str) -> str:
    return TARGET + "".join(ARTIFACT.format(name, FORMATS[name].backends[0], name) for name in names)


@pytest.fixture(scope="module")
def tflite_only(tmp_path_factory):
    """A function that runs the command line in a virtual environment without ExecuTorch and coremltools."""
    folder = tmp_path_factory.mktemp("tflite-only")
    environment = folder / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    for installed_here in Path(metadata.distribution("numpy").locate_file("")).resolve().iterdir():
        if not installed_here.name.startswith(LEFT_OUT):
            (site / installed_here.name).symlink_to(installed_here)
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(folder / "cache"), "COLUMNS": "100"}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(environment / "bin" / "python"), "-m", "edge_export", *map(str, arguments)]
        options = {"capture_output": True, "text": True, "check": False}
        return subprocess.run(command, cwd=folder, env=variables, timeout=900, **options)

    run.folder = folder
    return run


@pytest.mark.slow
def test_one_format_is_built_where_the_others_are_not_installed(tflite_only):
    (tflite_only.folder / "board.toml").write_text(target("tflite"))
    done = tflite_only("build", "--target", "board.toml", "--out", "bundle", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (artifact,) = json.loads(done.stdout)["members"][0]["artifacts"]
    assert artifact["status"] == "passed"
    tools = json.loads((tflite_only.folder / "bundle" / "manifest.json").read_text())["tools"]
    assert {"onnx2tf", "torch"} <= tools.keys()
    assert not tools.keys() & set(LEFT_OUT)
    assert tflite_only("verify", "bundle", "--strict").returncode == 0
    assert tflite_only("inspect", next((tflite_only.folder / "bundle").rglob("*.tflite"))).returncode == 0


def test_formats_that_are_not_installed_are_refused_before_any_work(tflite_only):
    (tflite_only.folder / "all.toml").write_text(target("tflite", "coreml", "executorch"))
    done = tflite_only("build", "--target", "all.toml", "--out", "refused")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "coreml (no coremltools: pip install edge_export[coreml])" in line
    assert "executorch (no executorch, torchao: pip install edge_export[executorch])" in line
    assert "tflite" not in line
    assert not (tflite_only.folder / "refused").exists()


@pytest.mark.parametrize(("suffix", "name"), [(".pte", "executorch"), (".mlpackage", "coreml")])
def test_a_file_whose_format_is_not_installed_is_not_inspected(tflite_only, suffix, name):
    file = tflite_only.folder / f"some{suffix}"
    file.touch()
    done = tflite_only("inspect", file)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"pip install edge_export[{name}]" in line


@pytest.mark.slow
def test_the_doctor_names_what_is_not_installed_and_tries_the_rest(tflite_only):
    done = tflite_only("doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    checks = {(c["kind"], c["name"]): c for c in json.loads(done.stdout)["checks"]}
    assert checks["runtime", "LiteRT"]["ok"] is True
    for name in ("executorch", "coreml"):
        check = checks["converter", name]
        assert check["ok"] is None
        assert check["detail"].startswith("not installed: no ")
        assert f"pip install edge_export[{name}]" in check["remedy"]


EVERY = [(name, backend) for name, known in FORMATS.items() for backend in known.backends]


def test_everything_is_installed_here():
    require_installed(EVERY)
    assert [why_not_installed(name) for name in FORMATS] == [None] * len(FORMATS)


def test_all_that_is_missing_is_named_at_once(monkeypatch):
    monkeypatch.setattr(installed, "find_spec", lambda name: None if name in ("onnx", "coremltools") else name)
    with pytest.raises(RequestError) as raised:
        require_installed(EVERY)
    assert str(raised.value) == (
        "formats that are not installed here: "
        "executorch for coreml (no coremltools: pip install edge_export[executorch,coreml]); "
        "coreml (no coremltools: pip install edge_export[coreml]); "
        "tflite (no onnx: pip install edge_export[tflite])"
    )


def distributions(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=\[ ]", requirement)[0] for requirement in requirements}


def test_each_format_has_an_extra_that_installs_what_it_imports():
    extras = PROJECT["optional-dependencies"]
    owners = metadata.packages_distributions()
    for needs in (each for each in FORMATS.values() if not each.environment):
        wanted = {owners[name][0] for name in needs.imports}
        assert wanted <= distributions(extras[needs.extra])
    assert extras["all"] == [f"edge_export[{','.join(name for name in extras if name not in ('training', 'all'))}]"]


def test_what_is_asked_for_exactly_is_what_is_locked():
    locks = [ROOT / "requirements.lock", ROOT / "requirements-training.lock"]
    locked = dict(line.split("==") for lock in locks for line in lock.read_text().split() if "==" in line)
    asked = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]
    exact = dict(requirement.split("==") for requirement in asked if "==" in requirement)
    assert exact.items() <= locked.items()
    assert distributions(asked) - {"edge_export"} <= locked.keys()
    pins = [each for each in metadata.requires("onnx2tf") or [] if each.startswith(("psutil==", "numpy=="))]
    assert set(pins) <= set(PROJECT["optional-dependencies"]["tflite"])
