"""A cluster that can't be used: exit 2, one line that says what to do, within a time limit, nothing written."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dask_cluster import ROOT, DaskCluster

MAIN = "import sys; from edge_export.__main__ import main; sys.exit(main(sys.argv[1:]))"


def refused(folder: Path, address: str, *words: str, program: str = MAIN) -> None:
    folder.mkdir(exist_ok=True)
    request = ["build", "--target", "linux", "--mother", "digits", "--out", "bundle", "--cluster", address]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", program, *request],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done.stderr
    for word in words:
        assert word in done.stderr
    assert not (folder / "bundle").exists()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    (tmp_path / "cluster").mkdir()
    with DaskCluster(tmp_path / "cluster") as cluster:
        yield cluster


@pytest.mark.parametrize("address", ["nowhere", "http://127.0.0.1:80", "127.0.0.1:port", "inproc://1/2", "a b:1"])
def test_what_is_no_address(tmp_path: Path, address: str) -> None:
    refused(tmp_path, address, f"--cluster {address}", "host:port")


def test_a_port_that_is_closed(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    refused(tmp_path, address, address, "no Dask scheduler answered", "dask scheduler")


def test_a_server_that_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        refused(tmp_path, address, address, "no Dask scheduler answered")


@pytest.mark.slow
def test_a_server_of_another_kind(tmp_path: Path, cluster: DaskCluster) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        refused(tmp_path, f"127.0.0.1:{http.server_address[1]}", "no Dask scheduler answered")
        http.shutdown()
    worker = cluster.start_worker()
    refused(tmp_path, worker.address, "no Dask scheduler answered")


def test_a_scheduler_without_workers(tmp_path: Path, cluster: DaskCluster) -> None:
    refused(tmp_path, cluster.address, cluster.address, "no workers", "dask worker")


def test_a_worker_of_another_version(tmp_path: Path, cluster: DaskCluster) -> None:
    other = tmp_path / "other" / "edge_export"
    shutil.copytree(ROOT / "edge_export", other, ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "formats" / "tflite" / "compile.py").open("a") as file:
        file.write("# another version\n")
    cluster.start_worker()
    cluster.start_worker(path=other.parent)
    refused(tmp_path, cluster.address, "has edge_export", "instead of", "install there what is installed here")


@pytest.mark.slow
def test_a_worker_or_a_scheduler_without_the_package(tmp_path: Path, cluster: DaskCluster) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "edge_export.py").write_text('raise ImportError("not here")')  # wherever else it may be installed
    cluster.start_worker(path=bare)
    refused(tmp_path, cluster.address, "has no edge_export", "install there what is installed here")
    (tmp_path / "second").mkdir()
    with DaskCluster(tmp_path / "second", path=bare) as second:
        second.start_worker()
        refused(tmp_path, second.address, "scheduler has no edge_export", "install there what is installed here")


def test_the_package_that_it_needs_is_missing_here(tmp_path: Path) -> None:
    without = "import sys; sys.modules['distributed'] = None; " + MAIN
    refused(tmp_path, "127.0.0.1:8786", "pip install edge_export[cluster]", program=without)
