"""A build on a cluster that loses a machine in the middle gives the bundle that this machine alone would give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dask_cluster import ROOT, DaskCluster, living, until

REQUEST = ("build", "--target", "linux", "--mother", "digits", "--members", "0.25,0.35", "--out", "bundle", "--json")


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "edge_export", *REQUEST, *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)


def finished(build: subprocess.Popen[str]) -> dict:
    output, errors = build.communicate(timeout=900)
    assert build.returncode == 0, errors
    return json.loads(output)


def proven(folder: Path) -> dict[str, bytes]:
    """All files of the bundle but those of time."""
    files = [path for path in (folder / "bundle").rglob("*") if path.is_file() and path.name != "perf.json"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.slow
def test_a_machine_that_dies_in_the_middle_changes_nothing(tmp_path):
    finished(start(tmp_path / "local"))
    (tmp_path / "dask").mkdir()
    with DaskCluster(tmp_path / "dask") as cluster:
        workers = [cluster.start_worker() for _ in range(2)]
        build = start(tmp_path / "there", "--cluster", cluster.address)
        until(lambda: any(worker.at_work_on("executorch-*") for worker in workers), "a converter at work", 300)
        dead, alive = sorted(workers, key=lambda worker: not worker.at_work_on("executorch-*"))
        converters = dead.converters()
        dead.kill()
        result = finished(build)
        until(lambda: not living(converters), "the end of what the dead worker had started")
        until(lambda: not alive.converters(), "the end of what the other had started")
    assert result["changed"]
    assert [member["name"] for member in result["members"]] == ["w0.25", "w0.35"]
    assert proven(tmp_path / "there") == proven(tmp_path / "local")
    assert not list((tmp_path / "there").glob(".bundle*"))


@pytest.mark.slow
def test_a_cluster_that_is_lost_ends_the_build_and_leaves_no_bundle(tmp_path):
    (tmp_path / "dask").mkdir()
    with DaskCluster(tmp_path / "dask") as cluster:
        worker = cluster.start_worker()
        build = start(tmp_path / "there", "--cluster", cluster.address)
        until(lambda: worker.at_work_on("executorch-*"), "a converter at work", 300)
        cluster.scheduler.kill()
        output, errors = build.communicate(timeout=300)
    assert build.returncode == 2, errors
    assert output == ""
    assert "was lost" in errors.splitlines()[-1]
    assert "Traceback" not in errors
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["cache"]
