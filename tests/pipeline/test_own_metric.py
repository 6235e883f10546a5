"""A metric that a mother brings: measured on her and on the artifacts, limited by the target, and never trusted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from strangers import WithMetric, neg_mae
from tflite_target import tflite_only

from edge_export.mothers.catalog import build_untrained

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
MOTHER = "tests.strangers:WithMetric"
TARGET = tflite_only(members="0.25", metric_drop="neg_mae = 0.01")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def edge_export(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The command line, in a folder with a target and the bundle of what was built there."""
    folder = tmp_path_factory.mktemp("own-metric")
    (folder / "board.toml").write_text(TARGET)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(folder / "cache")}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "edge_export", *map(str, arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    run.folder = folder  # type: ignore[attr-defined]
    return run


def build(edge_export: Run, mother: str = MOTHER, target: str = "board.toml", out: str = "bundle") -> tuple[int, str]:
    """Its exit code, and its lines for people."""
    done = edge_export("build", "--target", target, "--mother", mother, "--members", "c3", "--out", out, "--json")
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def bundle(edge_export: Run) -> Path:
    code, errors = build(edge_export)
    assert code == 0, errors
    return edge_export.folder / "bundle"  # type: ignore[attr-defined, no-any-return]


def expected() -> float:
    """The metric of the mother at c3, computed here."""
    mother: WithMetric = build_untrained(MOTHER)  # type: ignore[assignment]
    recordings = mother.recordings()
    with torch.no_grad():
        results = mother(*recordings.held_out, config=3).numpy()
    return float(neg_mae(results, recordings.targets.numpy()))


def test_its_values_stand_in_the_bundle(bundle: Path) -> None:
    manifest, numerics = (json.loads((bundle / name).read_text()) for name in ("manifest.json", "numerics.json"))
    recorded, (member,) = manifest["recorded"], manifest["members"]
    assert (recorded["metric"], recorded["unit"], recorded["baseline"]) == ("neg_mae", "points", None)
    assert member["metric"] == pytest.approx(expected(), abs=1e-4)
    assert -200 < member["metric"] < -10
    metrics = [run["metric"] for run in numerics["members"][0]["runs"]]
    assert metrics
    for metric in metrics:
        assert (metric["name"], metric["unit"], metric["count"]) == ("neg_mae", "points", 40)
        assert metric["mother"] == member["metric"]
        assert metric["artifact"] == pytest.approx(member["metric"], abs=1e-3)


def verified(edge_export: Run, *arguments: str) -> tuple[int, list[dict]]:
    """The exit code of `verify`, and the runs."""
    done = edge_export("verify", "bundle", "--json", *arguments)
    assert done.stdout, done.stderr
    (member,) = json.loads(done.stdout)["members"]
    return done.returncode, member["runs"]


def test_without_the_mother_it_is_left_out(bundle: Path, edge_export: Run) -> None:
    code, runs = verified(edge_export)
    assert code == 0
    assert [(run["verdict"], run["metric"]) for run in runs] == [("passed", None)] * len(runs)


def test_with_the_mother_it_is_measured_again(bundle: Path, edge_export: Run) -> None:
    code, runs = verified(edge_export, "--mother", MOTHER)
    assert code == 0
    built = json.loads((bundle / "numerics.json").read_text())["members"][0]["runs"]
    assert [run["metric"] for run in runs] == [run["metric"] for run in built]


def test_the_metric_of_another_mother_is_not_taken_for_it(bundle: Path, edge_export: Run) -> None:
    code, runs = verified(edge_export, "--mother", "tests.strangers:WithOtherMetric")
    assert code == 1
    for run in runs:
        assert run["verdict"] == "failed"
        assert "the mother's metric is roughness, not neg_mae" in run["reason"]


def test_the_target_limits_what_may_be_lost(bundle: Path, edge_export: Run) -> None:
    """A loss of less than -50 points is what no artifact can hold."""
    folder: Path = edge_export.folder  # type: ignore[attr-defined]
    (folder / "strict.toml").write_text(TARGET.replace("neg_mae = 0.01", "neg_mae = -50"))
    code, errors = build(edge_export, target="strict.toml", out="strict")
    assert code == 1, errors
    (member,) = json.loads((folder / "strict" / "numerics.json").read_text())["members"]
    for run in member["runs"]:
        assert run["verdict"] == "failed"
        assert run["reason"].startswith("neg_mae fell from -")
        assert "points, more than -50" in run["reason"]


@pytest.mark.parametrize(
    ("mother", "message"),
    [
        ("WithRaisingMetric", "metric neg_mae failed with ZeroDivisionError: no samples"),
        ("WithMetricThatIsNaN", "metric neg_mae is nan: its function must return a finite number"),
        ("WithMetricThatIsNoNumber", "metric neg_mae failed with ValueError"),
        ("WithBaselineThatIsNaN", "the baseline of metric neg_mae is nan"),
        ("WithMetricLikeOurs", "metric 'top1' needs a name of letters, digits and underscores, not "),
        ("WithMetricOfNoName", "metric 'mean error' needs a name of letters"),
        ("SaysDivination", "its task 'divination' is none of separation, classification"),
    ],
)
def test_what_is_wrong_with_it_is_one_line(mother: str, message: str, edge_export: Run) -> None:
    code, errors = build(edge_export, f"tests.strangers:{mother}", out="wrong")
    assert code == 2, errors
    last = errors.strip().splitlines()[-1]
    assert message in last
    assert "Traceback" not in errors
    assert not (edge_export.folder / "wrong").exists()  # type: ignore[attr-defined]
