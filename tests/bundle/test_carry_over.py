"""A bundle that is built again and comes out the same keeps what devices measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_bundle import write_bundle
from test_collect import run_on
from test_perf import on, result

from edge_export.bundle.carry_over import carry_over
from edge_export.bundle.device_runs import write_runs
from edge_export.bundle.folder import read_bundle
from edge_export.bundle.perf import read_perf, with_results, write_perf

ROOT = Path(__file__).resolve().parents[2]


def measure(root: Path) -> None:
    write_runs(root, {"w0.5": (run_on("local", "failed"), run_on("ssh:a"))})
    write_perf(root, with_results(read_perf(read_bundle(root)), on("ssh:a", result())))


@pytest.fixture
def pair(tmp_path):
    """A bundle that was measured, and the same one anew."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        write_bundle(tmp_path / name)
    measure(tmp_path / "old")
    return tmp_path / "old", tmp_path / "new"


def found(root: Path) -> tuple[list[str], list[str]]:
    bundle = read_bundle(root)
    return [run.device for run in bundle.numerics.members[0].runs], [each.device for each in read_perf(bundle).devices]


def test_the_same_bundle_keeps_results_of_devices_but_not_of_this_machine(pair):
    old, new = pair
    carry_over(old, new)
    assert found(new) == (["ssh:a"], ["ssh:a"])


def test_another_bundle_keeps_nothing(pair):
    old, new = pair
    manifest = json.loads((new / "manifest.json").read_text())
    (new / "manifest.json").write_text(json.dumps(manifest | {"target": "linux"}))
    carry_over(old, new)
    assert found(new) == ([], [])


def test_what_is_damaged_is_not_carried_over(pair):
    old, new = pair
    (old / "perf.json").write_text("{")
    carry_over(old, new)
    assert not (new / "perf.json").exists()
    shutil.rmtree(old)
    carry_over(old, new)
    assert not (new / "perf.json").exists()


def test_a_build_that_changes_nothing_leaves_perf_alone(tmp_path):
    request = ["build", "--target", "linux", "--mother", "digits", "--members", "0.25", "--json"]
    command = [sys.executable, "-m", "edge_export", *request, "--out", str(tmp_path / "out")]
    environment = {**os.environ, "EDGE_EXPORT_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}
    for after_first in (False, True):
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=900)
        if not after_first:
            write_perf(tmp_path / "out", with_results(read_perf(read_bundle(tmp_path / "out")), on("ssh:a", result())))
            before = (tmp_path / "out" / "perf.json").read_bytes()
            (tmp_path / "out" / "goldens" / "inputs.safetensors").write_bytes(b"damaged")
    assert (tmp_path / "out" / "perf.json").read_bytes() == before
    bundle = read_bundle(tmp_path / "out")
    assert bundle.why_changed(bundle.manifest.recorded.inputs) is None
