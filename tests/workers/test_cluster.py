"""A task on a Dask cluster leaves here what a local one would, and fails as a local one would."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import compiled_members
import pytest
from compiled_members import MEMBERS
from dask_cluster import DaskCluster, living, until
from distributed import Client
from safetensors.numpy import save_file

from edge_export.spec.io_json import io_to_json
from edge_export.workers import WorkerError
from edge_export.workers.cluster.pool import ClusterPool
from edge_export.workers.cluster.worker import keep

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A cluster whose only worker has no isolated environments."""
    folder = tmp_path_factory.mktemp("cluster")
    with DaskCluster(folder) as cluster:
        cluster.start_worker(EDGE_EXPORT_CACHE=str(folder / "cache"))
        yield cluster


@pytest.fixture(scope="module")
def pool(cluster: DaskCluster) -> Iterator[ClusterPool]:
    with ClusterPool(cluster.address) as pool:
        yield pool


@pytest.fixture
def ask(pool: ClusterPool, tmp_path: Path) -> Ask:
    def ask(task: str, kind: str, timeout_s: float = 300, **args: Any) -> dict[str, Any]:
        return pool.submit(task, args, kind=kind, timeout_s=timeout_s, log=tmp_path / f"{task}.log").result()

    return ask


def compile_args(member: str, format_name: str, workdir: Path) -> dict[str, Any]:
    workdir.mkdir(parents=True, exist_ok=True)
    return {
        "format": format_name,
        "precision": "fp32",
        "program": str(compiled_members.program(member)),
        "io": io_to_json(MEMBERS[member][1]),
        "workdir": str(workdir),
    }


def open_args(workdir: Path, checkpoint: Path | None = None) -> dict[str, Any]:
    workdir.mkdir(exist_ok=True)
    return {
        "mother": "digits",
        "checkpoint": None if checkpoint is None else str(checkpoint),
        "goldens": None,
        "folder": str(workdir),
        "members": "0.25",
        "workdir": str(workdir),
    }


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("format_name", ["tflite", "coreml"])
def test_what_a_task_reads_and_writes_is_the_same_as_here(ask: Ask, tmp_path: Path, format_name: str) -> None:
    """Compile, then run: files and folders both ways, bit for bit."""
    here, there = tmp_path / "here", tmp_path / "there"
    local = compiled_members.ask("compile", compile_args("classifier", format_name, here), format_name)
    remote = ask("compile", format_name, **compile_args("classifier", format_name, there))
    assert tree(there) == tree(here)
    assert remote["path"] == local["path"].replace(str(here), str(there))
    inputs = tmp_path / "inputs.safetensors"
    save_file(compiled_members.samples("classifier", 3), inputs)
    io = {"format": format_name, "io": local["io"], "member_io": io_to_json(MEMBERS["classifier"][1])}
    run = {"path": local["path"], "inputs": str(inputs), **io}
    compiled_members.ask("run", run | {"outputs": str(here / "outputs")}, format_name)
    assert ask("run", format_name, **run, outputs=str(there / "outputs"))["count"] == 3
    assert (there / "outputs").read_bytes() == (here / "outputs").read_bytes()


def test_what_it_prints_comes_back_after_what_was_there(pool: ClusterPool, tmp_path: Path) -> None:
    log = tmp_path / "folder" / "log"
    log.parent.mkdir()
    log.write_text("before\n")
    args = compile_args("classifier", "tflite", tmp_path / "w") | {"program": str(tmp_path / "missing.pt2")}
    with pytest.raises(WorkerError):
        pool.submit("compile", args, kind="tflite", timeout_s=100, log=log).result()
    assert log.read_text().startswith("before\n")
    assert "Traceback" in log.read_text()


def test_files_of_the_same_bytes_keep_their_names(ask: Ask, tmp_path: Path) -> None:
    """Suffixes say what a file is."""
    path, io = compiled_members.compiled("classifier", "tflite")
    save_file(compiled_members.samples("classifier", 1), tmp_path / "a.safetensors")
    shutil.copy(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    args = {"format": "tflite", "io": io_to_json(io), "member_io": io_to_json(MEMBERS["classifier"][1])}
    for name in "ab":
        inputs, outputs = tmp_path / f"{name}.safetensors", tmp_path / name
        ask("run", "tflite", **args, path=str(path), inputs=str(inputs), outputs=str(outputs))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_same_file_is_sent_once(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent, submit = [], Client.submit

    def counted(client: Client, function: Any, *args: Any, **kwargs: Any) -> Any:
        sent.extend([args[0]] if function is keep else [])
        return submit(client, function, *args, **kwargs)

    monkeypatch.setattr(Client, "submit", counted)
    path, io = compiled_members.compiled("streamer", "tflite")
    save_file(compiled_members.samples("streamer", 2), tmp_path / "inputs")
    args = {"format": "tflite", "io": io_to_json(io), "member_io": io_to_json(MEMBERS["streamer"][1])}
    for name in "abc":
        outputs = str(tmp_path / name)
        ask("run", "tflite", **args, path=str(path), inputs=str(tmp_path / "inputs"), outputs=outputs)
    assert sent == [{"": path.read_bytes()}, {"": (tmp_path / "inputs").read_bytes()}]


def test_an_exception_comes_back_in_the_words_of_this_machine(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=str(tmp_path / "missing.pt2")) as raised:
        ask(
            "compile",
            "tflite",
            **compile_args("classifier", "tflite", tmp_path) | {"program": str(tmp_path / "missing.pt2")},
        )
    assert (raised.value.reason, raised.value.raised) == ("exception", "FileNotFoundError")
    assert raised.value.tail


def test_a_wrong_request_is_still_one(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(WorkerError) as raised:
        ask("open", "mother", **open_args(tmp_path, tmp_path / "nowhere.safetensors"))
    assert str(tmp_path / "nowhere.safetensors") in raised.value.request


def test_the_time_limit_holds_there(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="did not finish within") as raised:
        ask("compile", "executorch", timeout_s=0.5, **compile_args("classifier", "executorch", tmp_path))
    assert raised.value.reason == "timeout"


def test_a_missing_environment_is_named_with_what_to_do(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(
        WorkerError, match=r"Dask worker tcp://127\.0\.0\.1:\d+ lacks .* doctor --setup tensorflow"
    ) as raised:
        ask("convert_onnx", "tensorflow", **compile_args("classifier", "tflite", tmp_path))
    assert raised.value.reason == "environment"


def test_a_path_that_would_not_travel_is_refused_here(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not say what to do with the paths elsewhere"):
        ask("compile", "tflite", **compile_args("classifier", "tflite", tmp_path), elsewhere=str(tmp_path))
    with pytest.raises(ValueError, match="is not in PATHS"):
        ask("inspect", "inspect", path=str(tmp_path))


def test_a_crash_fails_only_its_own_task(tmp_path: Path) -> None:
    with DaskCluster(tmp_path) as cluster:
        worker = cluster.start_worker()
        with ClusterPool(cluster.address) as pool:
            args = compile_args("classifier", "executorch", tmp_path / "w")
            crashed = pool.submit("compile", args, kind="executorch", timeout_s=300, log=tmp_path / "log")
            until(worker.converters, "a converter")
            os.kill(worker.converters()[0], signal.SIGKILL)
            with pytest.raises(WorkerError, match="SIGKILL") as raised:
                crashed.result()
            assert raised.value.reason == "crash"
            opened = pool.submit("open", open_args(tmp_path / "o"), kind="mother", timeout_s=300, log=tmp_path / "log")
            assert opened.result()["metric"] == "top1"
            assert worker.process.poll() is None


def test_the_memory_limit_of_a_worker_holds(tmp_path: Path) -> None:
    with DaskCluster(tmp_path) as cluster:
        cluster.start_worker("--memory-limit", "300MiB")
        with ClusterPool(cluster.address) as pool:
            args = compile_args("classifier", "executorch", tmp_path / "w")
            with pytest.raises(WorkerError, match="more than 300 MiB") as raised:
                pool.submit("compile", args, kind="executorch", timeout_s=300, log=tmp_path / "log").result()
            assert raised.value.reason == "memory"


def test_closing_ends_what_runs_there(tmp_path: Path) -> None:
    with DaskCluster(tmp_path) as cluster:
        worker = cluster.start_worker()
        with ClusterPool(cluster.address) as pool:
            args = compile_args("classifier", "executorch", tmp_path / "w")
            both = [pool.submit("compile", args, kind="executorch", timeout_s=300, log=tmp_path / "log") for _ in "ab"]
            until(worker.converters, "a converter")
            converters = worker.converters()
        for future in both:
            with pytest.raises(WorkerError) as raised:
                future.result(timeout=0)
            assert raised.value.reason == "closed"
        assert living(converters) == []
        until(lambda: not list(worker.folder.glob("dask-scratch-space/*/edge_export-*")), "an empty scratch folder")
        with pytest.raises(RuntimeError, match="closed"):
            pool.submit("compile", args, kind="executorch", timeout_s=1, log=tmp_path / "log")
