"""An isolated environment is there whole or not at all, whoever is killed, fails or comes second."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pydantic
import pytest
from crash_tasks import FACTS, Nothing

from edge_export.errors import RequestError
from edge_export.workers import Pool
from edge_export.workers.environment_setup import set_up
from edge_export.workers.environments import ENVIRONMENTS, Environment, environment_folder, interpreter, why_missing

ROOT = Path(__file__).resolve().parents[2]
NEEDS_OTHERS = {"coreai": {"numpy==2.3.5"}}
"""Packages that an environment needs in another version: coreai-core asks for numpy 2.3 or newer."""
WAITS = """
import os, pathlib, time
while os.environ.get("TINY_WAITS") and pathlib.Path(__file__).exists():
    time.sleep(0.05)
"""
SET_UP_TINY = """
import sys
from edge_export.workers.environment_setup import set_up
from edge_export.workers.environments import ENVIRONMENTS, Environment
ENVIRONMENTS["tiny"] = Environment(sys.argv[1], ("tiny",), "")
print(set_up("tiny", lambda what: print(what, flush=True)))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "environments"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment of one small wheel, which needs no network: its file of pins."""
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", WAITS)
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    pins = tmp_path / "tiny.txt"
    pins.write_text(f"{wheel}\n")
    monkeypatch.setitem(ENVIRONMENTS, "tiny", Environment(str(pins), ("tiny",), "one wheel"))
    return pins


def quiet(what: str) -> None:
    pass


def checks_alone(folder: Path) -> Path:
    """A folder of what every worker needs of our packages, to check requests; a real environment's pins have them."""
    alone = folder / "pydantic"
    alone.mkdir()
    for name in ("pydantic", "pydantic_core", "annotated_types", "typing_inspection", "typing_extensions.py"):
        (alone / name).symlink_to(Path(pydantic.__file__).parents[1] / name)
    return alone


def setup_process(pins: Path, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SET_UP_TINY, str(pins)]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_pins_are_exact_and_agree_with_ours_where_files_arrays_and_requests_pass(name: str) -> None:
    lines = ENVIRONMENTS[name].pins_path.read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", line) for line in lines)
    ours = (ROOT / "requirements.lock").read_text().splitlines()
    passing = ("numpy", "safetensors", "pydantic", "pydantic_core", "onnx", "onnx2tf")
    shared = {line for line in lines if line.partition("==")[0] in passing} - NEEDS_OTHERS.get(name, set())
    assert shared or ENVIRONMENTS[name].shares
    assert shared <= set(ours)


def test_an_environment_that_is_not_there_is_told_how_to_set_up() -> None:
    assert interpreter("tensorflow") is None
    assert why_missing("tensorflow") == "not set up: run `edge_export doctor --setup tensorflow`"


def test_an_unknown_name_is_answered_with_the_known() -> None:
    with pytest.raises(RequestError, match=r"no environment 'tensorfow', only tensorflow, coreai, litert-torch"):
        set_up("tensorfow", quiet)


def test_a_cache_that_cannot_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "file"))
    with pytest.raises(RequestError, match="set EDGE_EXPORT_CACHE"):
        set_up("tensorflow", quiet)


def test_a_python_without_venv_is_one_line(
    tiny: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho ensurepip is not available\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(RequestError, match=r"\(status 1: ensurepip is not available\): install Python's venv and pip"):
        set_up("tiny", quiet)
    assert [left.name for left in cache.iterdir()] == ["lock"]


@pytest.mark.slow
def test_what_is_set_up_serves_workers_and_is_found_again(
    tiny: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = set_up("tiny", quiet)
    assert python == interpreter("tiny") == environment_folder("tiny") / "bin" / "python"
    assert why_missing("tiny") is None
    assert sorted(left.name for left in cache.iterdir()) == ["lock", python.parents[1].name]
    told: list[str] = []
    assert set_up("tiny", told.append) == python
    assert told == []
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), str(checks_alone(tmp_path))]))
    with Pool(1, tasks="crash_tasks:TABLE") as pool:
        facts = {
            kind: pool.submit(FACTS, Nothing(), kind=kind, timeout_s=30, log=tmp_path / "log") for kind in ("tiny", "a")
        }
        assert facts["tiny"].result().python == str(python)
        assert facts["a"].result().python == sys.executable

    (python.parents[1] / "ready.json").unlink()
    assert interpreter("tiny") is None
    assert set_up("tiny", told.append) == python == interpreter("tiny")
    assert "making a virtual environment" in told

    python.unlink()
    python.symlink_to(tmp_path / "a python that was removed")
    assert interpreter("tiny") is None

    tiny.write_text(tiny.read_text() + "\n")
    assert environment_folder("tiny") != python.parents[1]


@pytest.mark.slow
def test_what_pip_or_python_refuse_is_one_line_and_leaves_nothing(
    tiny: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENVIRONMENTS, "tiny", Environment(str(tiny), ("not_in_the_wheel",), ""))
    with pytest.raises(RequestError, match=r"cannot be imported on this machine .*No module named 'not_in_the_wheel'"):
        set_up("tiny", quiet)
    tiny.write_text("tiny==2.0\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(RequestError, match=r"pip could not install tiny \(ERROR: .* tiny==2.0 .*run .* again") as error:
        set_up("tiny", quiet)
    assert "\n" not in str(error.value)
    log = Path(str(error.value).rpartition("the log is ")[2])
    assert "tiny==2.0" in log.read_text()
    assert [left.name for left in cache.iterdir()] == ["lock"]
    assert interpreter("tiny") is None


@pytest.mark.slow
def test_a_killed_setup_leaves_nothing_that_counts_and_the_next_cleans_up(tiny: Path, cache: Path) -> None:
    with setup_process(tiny, TINY_WAITS="1") as killed:
        assert killed.stdout is not None
        assert any("trying to import tiny" in line for line in killed.stdout)
        killed.send_signal(signal.SIGKILL)
    assert list(cache.glob("*.making-*"))
    assert interpreter("tiny") is None
    python = set_up("tiny", quiet)
    assert sorted(left.name for left in cache.iterdir()) == ["lock", python.parents[1].name]


@pytest.mark.slow
def test_of_two_at_once_one_makes_it_and_both_have_it(tiny: Path) -> None:
    both = [setup_process(tiny) for _ in range(2)]
    lines = [process.communicate(timeout=120)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert lines[0][-1] == lines[1][-1] == str(interpreter("tiny"))
    assert [line for each in lines for line in each].count("making a virtual environment") == 1
