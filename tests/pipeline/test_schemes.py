"""The first scheme that holds is taken; those that did not are recorded, with what they lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge_export.pipeline import artifacts
from edge_export.pipeline.build import build as build_family
from edge_export.pipeline.context import BuildRequest
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.target import read_target
from edge_export.workers import WorkerError

ROOT = Path(__file__).resolve().parents[2]
TARGET = """
name = "board"
mother = "digits"
members = "0.25"
calibration_batches = 16
[[artifacts]]
format = "tflite"
backend = "builtin"
precision = "int8"
schemes = ["dynamic", "weight_only"]
[tolerances.member.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
[tolerances.tflite.int8]
snr_db = 20
max_abs_of_peak = 0.5
metric_drop = { top1 = 1.0 }
extremes_of_peak = 1.0
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Builds member 0.25 of digits for a target; the builds share a cache."""
    folder = tmp_path_factory.mktemp("schemes")

    def run(target: str) -> tuple[int, dict]:
        (folder / "board.toml").write_text(target)
        call = [sys.executable, "-m", "edge_export", "build", "--target", "board.toml", "--out", "b", "--json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(folder / "cache")}
        done = subprocess.run(
            call, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.stdout, done.stderr
        ((artifact,),) = [member["artifacts"] for member in json.loads(done.stdout)["members"]]
        return done.returncode, artifact

    return run


@pytest.mark.slow
def test_the_first_scheme_that_holds_is_taken(build):
    code, artifact = build(TARGET)
    assert (code, artifact["status"], artifact["scheme"], artifact["attempts"]) == (0, "passed", "dynamic", [])
    (run,) = artifact["runs"][:1]
    assert run["metric"]["mother"] - run["metric"]["artifact"] <= 1.0
    assert run["repeatable"]
    assert [extreme["name"] for extreme in run["extremes"]][:2] == ["recorded", "silence"]
    assert [stage["name"] for stage in run["stages"]] == ["onnx"]


@pytest.mark.slow
def test_where_none_holds_the_build_fails_with_what_each_lost(build):
    """A loss of less than -50 points is what no scheme can hold."""
    code, artifact = build(TARGET.replace("top1 = 1.0", "top1 = -50.0"))
    assert (code, artifact["status"], artifact["scheme"]) == (1, "failed", "weight_only")
    (attempt,) = artifact["attempts"]
    assert attempt["scheme"] == "dynamic"
    for reason in (attempt["reason"], artifact["reason"]):
        lost = re.search(r"top1 fell from ([\d.]+) to ([\d.]+) points, more than -50", reason)
        assert lost, reason
        assert float(lost[1]) - float(lost[2]) > -50
    (run,) = artifact["runs"][:1]
    assert f"from {run['metric']['mother']:.2f} to {run['metric']['artifact']:.2f} points" in artifact["reason"]


@pytest.mark.slow
def test_a_scheme_that_does_not_compile_gives_way_to_the_next(tmp_path, monkeypatch):
    real = artifacts.compile_in_worker

    def without_static(workers, request, log):
        if request.options["scheme"] == "static":
            raise WorkerError("ValueError: no way to write ADD", "exception")
        return real(workers, request, log)

    monkeypatch.setattr(artifacts, "compile_in_worker", without_static)
    (tmp_path / "board.toml").write_text(TARGET.replace('schemes = ["dynamic"', 'schemes = ["static", "dynamic"'))
    request = BuildRequest(
        target=read_target(str(tmp_path / "board.toml")),
        mother=MotherSource(spec="digits", folder=tmp_path),
        members="0.25",
        out=tmp_path / "bundle",
        jobs=1,
        logs=tmp_path / "logs",
        store=None,
    )
    ((artifact,),) = [member.artifacts for member in build_family(request, lambda *_: None).manifest.members]
    assert (artifact.status, artifact.scheme) == ("passed", "dynamic")
    (attempt,) = artifact.attempts
    assert (attempt.scheme, attempt.reason) == ("static", "did not compile: ValueError: no way to write ADD")
