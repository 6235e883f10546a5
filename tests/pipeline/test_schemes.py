"""The first scheme that holds is taken; those that did not are recorded, with what they lost."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_export.bundle.numerics import ArtifactRun
from edge_export.formats import environments_of
from edge_export.pipeline import artifacts, ways
from edge_export.pipeline.build import build as build_family
from edge_export.pipeline.context import BuildRequest
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.target import ArtifactPlan, read_target
from edge_export.pipeline.ways import may_help, other_ways
from edge_export.spec.agreement import Agreement
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


COREML = """
name = "phone"
mother = "digits"
members = "only"
[[artifacts]]
format = "coreml"
backend = "mlprogram"
precision = "fp32"
[tolerances.member.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
[tolerances.coreml.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
"""


def built(folder, target, mother, members):
    """Returns the only artifact of a family that is built in this process."""
    (folder / "board.toml").write_text(target)
    request = BuildRequest(
        target=read_target(str(folder / "board.toml")),
        mother=MotherSource(spec=mother, folder=ROOT),
        members=members,
        out=folder / "bundle",
        jobs=1,
        logs=folder / "logs",
        store=None,
    )
    ((artifact,),) = [member.artifacts for member in build_family(request, lambda *_: None).manifest.members]
    return artifact


def test_what_the_usual_way_does_not_take_is_made_in_another(tmp_path):
    artifact = built(tmp_path, COREML, "tests.reproductions:added_logs", "only")
    assert (artifact.status, artifact.reason[:28]) == ("passed", "within tolerance of the moth")
    made, rejected, written = artifact.notes
    assert (made, written) == (
        "made in another way: the program decomposed into core operators",
        "written with other operators: log1p",
    )
    assert re.fullmatch(
        r"not taken, the usual way: did not compile: coremltools does not take logaddexp "
        r"\(reproductions\.py:\d+ in \w+\): write it with plain operators, or leave the format out of the target",
        rejected,
    )
    assert artifact.attempts == ()


def test_a_float16_file_that_overflows_names_the_operator_where_it_begins(tmp_path):
    target = COREML.replace("fp32", "fp16").replace("member.fp16", "member.fp32")
    artifact = built(tmp_path, target, "tests.reproductions:overflow", "only")
    assert artifact.status == "failed"
    told = r"; float16 overflows first at pow \(reproductions.py:\d+ in forward\), at [\de.+]+ of at most 65504$"
    assert re.search(told, artifact.reason)
    assert [note.partition(":")[0] for note in artifact.notes] == [
        "not taken, the program decomposed into core operators, coremltools' TorchScript front end",
        "written with other operators",  # powers are products
    ]


def test_where_no_way_makes_a_file_the_first_reason_counts_and_each_way_is_named(tmp_path, monkeypatch):
    """The environment that could help is offered with its size."""
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))

    def fail(workers, request, log):
        raise WorkerError(f"no file {request.options.get('way', 'at first')}", "exception")

    monkeypatch.setattr(artifacts, "compile_in_worker", fail)
    target = COREML.replace("coreml", "tflite").replace("mlprogram", "builtin")
    artifact = built(tmp_path, target, "tests.reproductions:added_logs", "only")
    assert (artifact.status, artifact.file) == ("error", None)
    assert artifact.reason.startswith(
        "did not compile: no file at first; or run `edge_export doctor --setup tensorflow`"
    )
    assert "2.2 GB" in artifact.reason
    assert re.search(r"; or run `edge_export doctor --setup litert-torch` for .*800 MB on disk", artifact.reason)
    assert artifact.notes == (
        "not taken, the program decomposed into core operators: did not compile: no file decomposed",
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["decomposed", "tensorflow", "litert-torch", "decomposed-tensorflow"]),
        ({"products": "batched"}, ["decomposed", "tensorflow", "litert-torch", "decomposed-tensorflow"]),
        ({"route": "direct"}, ["decomposed"]),
        ({"route": "litert-torch"}, ["decomposed"]),
        ({"way": "decomposed"}, []),
    ],
)
def test_environments_that_are_set_up_are_the_last_ways(options, expected, monkeypatch):
    plan = ArtifactPlan(format="tflite", backend="builtin", precision="fp32", options=options)
    monkeypatch.setattr(ways, "interpreter", lambda name: None)
    assert [way.name for way in other_ways(plan)] == [name for name in expected if name == "decomposed"]
    monkeypatch.setattr(ways, "interpreter", lambda name: Path("python"))
    assert [way.name for way in other_ways(plan)] == expected


@pytest.mark.parametrize(
    ("ended", "tried"),
    [
        ({}, ["", "decomposed", "tensorflow", "litert-torch", "decomposed-tensorflow"]),
        ({"": "timeout"}, ["", "decomposed", "tensorflow", "litert-torch", "decomposed-tensorflow"]),
        ({"": "timeout", "decomposed": "timeout"}, ["", "decomposed"]),
        ({"": "closed"}, [""]),
        ({"": "fell back"}, ["", "decomposed", "litert-torch", "decomposed-tensorflow"]),
    ],
)
def test_one_slow_way_does_not_end_the_search_and_nothing_is_tried_twice(ended, tried, monkeypatch):
    """Where the usual way fell back to TensorFlow, litert-torch comes before a second try by it."""
    plan = ArtifactPlan(format="tflite", backend="builtin", precision="fp32")
    monkeypatch.setattr(ways, "interpreter", lambda name: Path("python"))
    seen = []

    def fail(context, prepared, plan, artifact, way, log):
        seen.append(way)
        end = ended.get(way.name, "")
        runs = (ArtifactRun(artifact="a", runtime="r", device="local", agreement=None, verdict="error", reason="no"),)
        if end == "fell back":
            return artifacts._Tried(artifact, runs, None, environments=("tensorflow",))
        return artifacts._Tried(artifact, runs, None, end)

    monkeypatch.setattr(artifacts, "_try_way", fail)
    context = SimpleNamespace(progress=lambda *_: None)
    prepared = SimpleNamespace(member=SimpleNamespace(name="m"))
    artifact = SimpleNamespace(notes=(), scheme="", model_copy=lambda update: None)
    artifacts._by_ways(context, prepared, plan, artifact, Path("log"))
    assert [way.name for way in seen] == tried
    assert all(way.options == {"way": "decomposed", "route": "direct"} for way in seen if way.name == "decomposed")


def test_a_file_depends_only_on_the_environments_that_may_make_it():
    assert environments_of("tflite", {"backend": "builtin"}) == ("tensorflow",)
    assert environments_of("tflite", {"backend": "builtin", "route": "litert-torch"}) == ("tensorflow", "litert-torch")
    assert environments_of("coreai", {}) == ("coreai",)
    assert environments_of("executorch", {}) == ()


def test_another_way_is_tried_where_it_may_help():
    def run(verdict, snr_db=None):
        found = None if snr_db is None else Agreement(snr_db, 1.0, 1.0)
        return ArtifactRun(artifact="a", runtime="r", device="local", agreement=found, verdict=verdict, reason="")

    every = [("error",), ("failed",), ("failed", 50.0), ("failed", 5.0), ("passed", 99.0), ("unverified",)]
    helped = [
        (each, precision) for each in every for precision in ("fp32", "fp16", "int8") if may_help(run(*each), precision)
    ]
    assert helped == [
        *[(each, precision) for each in [("error",), ("failed",)] for precision in ("fp32", "fp16", "int8")],
        *[(("failed", 50.0), "fp32"), (("failed", 5.0), "fp32"), (("failed", 5.0), "fp16")],
    ]
    # Where the mildest scheme is wrong, and not only coarse, the converter may be.
    assert [each for each in every if may_help(run(*each), "int8", mildest=True)] == [
        *[("error",), ("failed",), ("failed", 5.0)]
    ]


@pytest.mark.slow
def test_a_scheme_that_does_not_compile_gives_way_to_the_next(tmp_path, monkeypatch):
    real = artifacts.compile_in_worker

    def without_static(workers, request, log):
        if request.options["scheme"] == "static":
            raise WorkerError("ValueError: no way to write ADD", "exception")
        return real(workers, request, log)

    monkeypatch.setattr(artifacts, "compile_in_worker", without_static)
    target = TARGET.replace('schemes = ["dynamic"', 'schemes = ["static", "dynamic"')
    artifact = built(tmp_path, target, "digits", "0.25")
    assert (artifact.status, artifact.scheme) == ("passed", "dynamic")
    (attempt,) = artifact.attempts
    assert (attempt.scheme, attempt.reason) == ("static", "did not compile: ValueError: no way to write ADD")
