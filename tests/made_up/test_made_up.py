"""A new format or a new task needs only its folder or file and one line of a literal table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edge_export
from edge_export.devices.runner_process import RUNNER

HERE = Path(__file__).parent
pytestmark = pytest.mark.slow
TARGET = """
name = "made_up"
mother = "digits"
members = "0.25"

[[artifacts]]
format = "{format}"
backend = "{backend}"
precision = "fp32"

[tolerances.member.fp32]
snr_db = 90
max_abs_of_peak = 1e-4

[tolerances.{format}.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
metric_drop = {{ top1 = 0.0, r2 = 0.01 }}
"""


class Checkout:
    """A copy of the package that a test may change, and its command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        package = Path(edge_export.__file__).parent
        shutil.copytree(package, folder / "edge_export", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(RUNNER, folder / "edge_export" / "devices")  # as in a wheel

    def add_line(self, file: str, before: str, line: str) -> None:
        path = self.folder / "edge_export" / file
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, line + before))

    def run(self, *arguments: object, code: int = 0) -> str:
        paths = os.pathsep.join([str(self.folder), str(HERE)])
        environment = {**os.environ, "PYTHONPATH": paths, "EDGE_EXPORT_CACHE": str(self.folder / "cache")}
        command = [sys.executable, "-m", "edge_export", *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_made_up_format(checkout: Checkout) -> None:
    shutil.copytree(HERE / "torch_program", checkout.folder / "edge_export" / "formats" / "torch_program")
    table = "formats/__init__.py"
    checkout.add_line(table, "from edge_export.formats.descriptor", "from edge_export.formats import torch_program\n")
    checkout.add_line(table, '    "executorch": ', '    "torch_program": torch_program.FORMAT,\n')
    (checkout.folder / "made_up.toml").write_text(TARGET.format(format="torch_program", backend="eager"))

    built = json.loads(checkout.run("build", "--target", "made_up.toml", "--out", "bundle", "--strict", "--json"))
    ((artifact,),) = [member["artifacts"] for member in built["members"]]
    assert (artifact["status"], artifact["runs"][0]["runtime"].split()[0]) == ("passed", "PyTorch")
    assert artifact["runs"][0]["metric"]["name"] == "top1"

    verified = json.loads(checkout.run("verify", "bundle", "--strict", "--json"))
    assert verified["passed"]

    file = checkout.folder / "bundle" / artifact["file"]["path"]
    assert file.name == "torch_program-eager-fp32.pt2"
    inspected = json.loads(checkout.run("inspect", file, "--json"))
    assert inspected["format"] == "torch_program"
    assert 0 < inspected["weight_bytes"] < inspected["bytes"] == file.stat().st_size
    assert "torch_program-eager-fp32" in checkout.run("inspect", "bundle")
    assert "exported program, run by PyTorch" in checkout.run("list", "formats")

    weights = bytearray(file.read_bytes())
    weights[len(weights) // 2] ^= 0x40
    file.write_bytes(weights)
    assert "does not match its sha256" in checkout.run("verify", "bundle", "--json", code=1)


def test_a_made_up_task(checkout: Checkout) -> None:
    shutil.copy(HERE / "regression.py", checkout.folder / "edge_export" / "tasks")
    table = "tasks/__init__.py"
    checkout.add_line(table, "from edge_export.tasks.task import", "from edge_export.tasks import regression\n")
    checkout.add_line(table, '    "separation": ', '    "regression": regression.TASK,\n')
    (checkout.folder / "made_up.toml").write_text(TARGET.format(format="tflite", backend="builtin"))

    request = ("build", "--target", "made_up.toml", "--mother", "mother:trained", "--out", "bundle", "--json")
    built = json.loads(checkout.run(*request))
    assert [member["name"] for member in built["members"]] == ["h4", "h16"]
    assert built["mother"]["task"] == "regression"
    for member in built["members"]:
        (artifact,) = member["artifacts"]
        metric = artifact["runs"][0]["metric"]
        assert artifact["status"] == "passed"
        assert (metric["name"], metric["unit"]) == ("r2", "points")
        assert 30 < member["metric"] == pytest.approx(metric["artifact"], abs=0.01)
    assert json.loads(checkout.run("verify", "bundle", "--mother", "mother:trained", "--json"))["passed"]

    rows = checkout.folder / "goldens"
    rows.mkdir()
    (rows / "rows.csv").write_text("\n".join(",".join(["0.1"] * 10) for _ in range(8)))
    checkout.run(*request, "--goldens", rows, "--members", "h4")
    predicted = json.loads(checkout.run("run", "bundle", "--member", "h4", rows / "rows.csv", "--json"))
    assert len(predicted["values"]) == 8
    assert len(set(predicted["values"])) == 1
    assert f"{predicted['values'][0]:.3f}" in checkout.run("run", "bundle", "--member", "h4", rows / "rows.csv")
