"""Machines of a cluster die: their tasks go to others; when none is left, the build ends and says so."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest
from dask_cluster import DaskCluster, living, until
from distributed import Client

from edge_export.mothers.catalog import CATALOG
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.open_mother import OPEN, OpenAnswer, OpenRequest
from edge_export.workers import WorkerError
from edge_export.workers.cluster import pool as cluster
from edge_export.workers.cluster.pool import ClusterLost, ClusterPool

pytestmark = pytest.mark.slow


def open_digits(pool: ClusterPool, workdir: Path) -> Future[OpenAnswer]:
    """A task that reads a file and writes several; it takes some seconds, because PyTorch is imported."""
    workdir.mkdir()
    source = MotherSource(spec="digits", checkpoint=CATALOG["digits"].checkpoint_path, folder=workdir)
    request = OpenRequest(source=source, members="0.25", workdir=workdir)
    return pool.submit(OPEN, request, kind="mother", timeout_s=300, log=workdir / "log")


def test_a_task_goes_to_another_worker_and_so_do_its_files(tmp_path: Path) -> None:
    """The first worker dies with the only copy of the file that the task reads."""
    with DaskCluster(tmp_path) as dask:
        first = dask.start_worker()
        with ClusterPool(dask.address) as pool:
            future = open_digits(pool, tmp_path / "opened")
            until(first.converters, "a task at work")
            with Client(dask.address, set_as_default=False) as client:
                assert any(keys for keys in client.has_what().values())
            converters = first.converters()
            dask.start_worker()
            first.kill()
            assert list(future.result().members) == ["0.25"]
            assert (tmp_path / "opened" / "inputs.safetensors").stat().st_size > 0
        until(lambda: not living(converters), "the end of what the dead worker had started")


def test_a_task_that_takes_its_worker_down_each_time_fails_alone(tmp_path: Path) -> None:
    with DaskCluster(tmp_path, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0") as dask:
        worker = dask.start_worker()
        with ClusterPool(dask.address) as pool:
            killing = open_digits(pool, tmp_path / "killing")
            until(worker.converters, "a task at work")
            worker.kill()
            with pytest.raises(WorkerError, match="KilledWorker") as raised:
                killing.result()
            assert raised.value.reason == "crash"
            dask.start_worker()
            assert open_digits(pool, tmp_path / "next").result().metric == "top1"


def test_without_any_worker_left_it_waits_a_while_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE_S", 2.0)
    monkeypatch.setattr(cluster, "_POLL_S", 0.2)
    with DaskCluster(tmp_path) as dask:
        worker = dask.start_worker()
        with ClusterPool(dask.address) as pool:
            future = open_digits(pool, tmp_path / "opened")
            until(worker.converters, "a task at work")
            worker.kill()
            with pytest.raises(ClusterLost, match="has had no workers for 2 s"):
                future.result()


def test_a_lost_scheduler_ends_everything(tmp_path: Path) -> None:
    with DaskCluster(tmp_path) as dask:
        worker = dask.start_worker()
        with ClusterPool(dask.address) as pool:
            future = open_digits(pool, tmp_path / "opened")
            until(worker.converters, "a task at work")
            dask.scheduler.kill()
            with pytest.raises(ClusterLost, match="was lost"):
                future.result()
            with pytest.raises(ClusterLost, match="was lost"):
                open_digits(pool, tmp_path / "again").result()


def test_a_pool_closes_when_its_scheduler_is_lost_with_tasks_on_it(tmp_path: Path) -> None:
    with DaskCluster(tmp_path) as dask:
        worker = dask.start_worker()
        with ClusterPool(dask.address, jobs=2) as pool:
            futures = [open_digits(pool, tmp_path / name) for name in ("one", "two")]
            until(worker.converters, "a task at work")
            dask.scheduler.kill()
            for future in futures:
                with pytest.raises(ClusterLost, match="was lost"):
                    future.result()
            until(lambda: pool._client.status == "closed", "the end of the client")
