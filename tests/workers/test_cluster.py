"""A task on a Dask cluster leaves here what a local one would, and fails as a local one would."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import compiled_members
import numpy as np
import pytest
from compiled_members import MEMBERS, compile_request
from dask_cluster import DaskCluster, living, until
from distributed import Client
from safetensors.numpy import load_file, save_file

from edge_export.formats.compile_task import COMPILE, CompileAnswer, CompileRequest
from edge_export.formats.tflite.tensorflow_route import CONVERT_ONNX
from edge_export.inspection.task import INSPECT
from edge_export.mothers.catalog import CATALOG
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.open_mother import OPEN, OpenRequest
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.tensors import IOSpec
from edge_export.workers import WorkerError
from edge_export.workers.cluster.pool import ClusterPool
from edge_export.workers.cluster.worker import keep
from edge_export.workers.task import Message, StayingPath, WorkerTask

Ask = Callable[..., Any]


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
    def ask(task: WorkerTask[Any, Any], request: Message, kind: str, timeout_s: float = 300) -> Any:
        return pool.submit(task, request, kind=kind, timeout_s=timeout_s, log=tmp_path / f"{task.name}.log").result()

    return ask


def open_request(workdir: Path, checkpoint: Path | None = None) -> OpenRequest:
    workdir.mkdir(exist_ok=True)
    source = MotherSource(spec="digits", checkpoint=checkpoint, folder=workdir)
    return OpenRequest(source=source, members="0.25", workdir=workdir)


def without_program(folder: Path) -> CompileRequest:
    """A request for a program that is not there."""
    missing = {"program": folder / "missing.pt2"}
    return compile_request("classifier", "tflite", folder / "w").model_copy(update=missing)


def run_request(format_name: str, member: str, path: Path, io: IOSpec, inputs: Path, outputs: Path) -> RunRequest:
    file = CompiledFile(format=format_name, path=path, io=io, member_io=MEMBERS[member][1])
    return RunRequest(file=file, inputs=inputs, outputs=outputs)


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("format_name", ["tflite", "coreml"])
def test_what_a_task_reads_and_writes_is_the_same_as_here(ask: Ask, tmp_path: Path, format_name: str) -> None:
    """Compile, then run: files and folders both ways, bit for bit."""
    here, there = tmp_path / "here", tmp_path / "there"
    local = compiled_members.ask(COMPILE, compile_request("classifier", format_name, here), format_name)
    remote = ask(COMPILE, compile_request("classifier", format_name, there), format_name)
    assert tree(there) == tree(here)
    assert remote.model_copy(update={"seconds": local.seconds}) == local
    inputs = tmp_path / "inputs.safetensors"
    save_file(compiled_members.samples("classifier", 3), inputs)

    def run(folder: Path) -> RunRequest:
        path, outputs = folder / local.file, folder / "outputs"
        return run_request(format_name, "classifier", path, local.io, inputs, outputs)

    compiled_members.ask(RUN, run(here), format_name)
    assert ask(RUN, run(there), format_name).count == 3
    assert (there / "outputs").read_bytes() == (here / "outputs").read_bytes()


def test_a_path_inside_of_a_part_of_a_request_travels(ask: Ask, tmp_path: Path) -> None:
    """The worker there reads the checkpoint that is sent, not one that lies where it does here."""
    checkpoint = tmp_path / "weights.safetensors"
    shutil.copy(CATALOG["digits"].checkpoint_path, checkpoint)
    assert ask(OPEN, open_request(tmp_path / "good", checkpoint), "mother").members == {"0.25": "w0.25"}
    checkpoint.write_bytes(b"no weights")
    with pytest.raises(WorkerError) as raised:
        ask(OPEN, open_request(tmp_path / "bad", checkpoint), "mother")
    assert str(checkpoint) in raised.value.request


def test_a_folder_that_is_named_by_dots_travels(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "goldens" / "deeper").mkdir(parents=True)
    image = np.zeros((2, 1, 32, 32), np.float32)
    save_file({"image": image}, tmp_path / "goldens" / "a.safetensors")
    monkeypatch.chdir(tmp_path / "goldens" / "deeper")
    request = open_request(tmp_path / "opened")
    source = MotherSource(spec="digits", goldens=Path(".."), folder=tmp_path)
    assert not ask(OPEN, request.model_copy(update={"source": source}), "mother").held_out
    assert load_file(tmp_path / "opened" / "inputs.safetensors")["image"].tobytes() == image.tobytes()


def test_what_it_prints_comes_back_after_what_was_there(pool: ClusterPool, tmp_path: Path) -> None:
    log = tmp_path / "folder" / "log"
    log.parent.mkdir()
    log.write_text("before\n")
    request = without_program(tmp_path)
    with pytest.raises(WorkerError):
        pool.submit(COMPILE, request, kind="tflite", timeout_s=100, log=log).result()
    assert log.read_text().startswith("before\n")
    assert "Traceback" in log.read_text()


def test_files_of_the_same_bytes_keep_their_names(ask: Ask, tmp_path: Path) -> None:
    """Suffixes say what a file is."""
    path, io = compiled_members.compiled("classifier", "tflite")
    save_file(compiled_members.samples("classifier", 1), tmp_path / "a.safetensors")
    shutil.copy(tmp_path / "a.safetensors", tmp_path / "b.safetensors")
    for name in "ab":
        inputs, outputs = tmp_path / f"{name}.safetensors", tmp_path / name
        ask(RUN, run_request("tflite", "classifier", path, io, inputs, outputs), "tflite")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_same_file_is_sent_once(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent, submit = [], Client.submit

    def counted(client: Client, function: Any, *args: Any, **kwargs: Any) -> Any:
        sent.extend([args[0]] if function is keep else [])
        return submit(client, function, *args, **kwargs)

    monkeypatch.setattr(Client, "submit", counted)
    path, io = compiled_members.compiled("streamer", "tflite")
    save_file(compiled_members.samples("streamer", 2), tmp_path / "inputs")
    for name in "abc":
        ask(RUN, run_request("tflite", "streamer", path, io, tmp_path / "inputs", tmp_path / name), "tflite")
    assert sent == [{"": path.read_bytes()}, {"": (tmp_path / "inputs").read_bytes()}]


def test_an_exception_comes_back_in_the_words_of_this_machine(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=str(tmp_path / "missing.pt2")) as raised:
        ask(COMPILE, without_program(tmp_path), "tflite")
    assert (raised.value.reason, raised.value.raised) == ("exception", "FileNotFoundError")
    assert raised.value.tail


def test_a_wrong_request_is_still_one(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(WorkerError) as raised:
        ask(OPEN, open_request(tmp_path, tmp_path / "nowhere.safetensors"), "mother")
    assert str(tmp_path / "nowhere.safetensors") in raised.value.request


def test_the_time_limit_holds_there(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="did not finish within") as raised:
        ask(COMPILE, compile_request("classifier", "executorch", tmp_path), "executorch", timeout_s=0.5)
    assert raised.value.reason == "timeout"


def test_a_missing_environment_is_named_with_what_to_do(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(
        WorkerError, match=r"Dask worker tcp://127\.0\.0\.1:\d+ lacks .* doctor --setup tensorflow"
    ) as raised:
        ask(CONVERT_ONNX, compile_request("classifier", "tflite", tmp_path), "tensorflow")
    assert raised.value.reason == "environment"


class Undeclared(Message):
    beside: StayingPath
    path: Path


def test_a_path_that_would_not_travel_is_refused_here(ask: Ask, tmp_path: Path) -> None:
    task = WorkerTask("inspect", Undeclared, INSPECT.answer, INSPECT.run)
    with pytest.raises(TypeError, match=r"Undeclared\.path is a path: declare it as InputPath"):
        ask(task, Undeclared(beside=tmp_path, path=tmp_path), "inspect")


def test_an_answer_that_is_none_is_one_line(ask: Ask, tmp_path: Path) -> None:
    """Both sides know a task by its name; what comes back is checked here as what was expected here."""
    path, _ = compiled_members.compiled("classifier", "tflite")
    task = WorkerTask("inspect", INSPECT.request, CompileAnswer, INSPECT.run)
    with pytest.raises(WorkerError, match=r"the worker's answer to inspect is not valid: .* Field required") as raised:
        ask(task, INSPECT.request(path=path), "inspect")
    assert "\n" not in str(raised.value)
    assert ask(INSPECT, INSPECT.request(path=path), "inspect").format == "tflite"


def test_a_crash_fails_only_its_own_task(tmp_path: Path) -> None:
    with DaskCluster(tmp_path) as cluster:
        worker = cluster.start_worker()
        with ClusterPool(cluster.address) as pool:
            request = compile_request("classifier", "executorch", tmp_path / "w")
            crashed = pool.submit(COMPILE, request, kind="executorch", timeout_s=300, log=tmp_path / "log")
            until(worker.converters, "a converter")
            os.kill(worker.converters()[0], signal.SIGKILL)
            with pytest.raises(WorkerError, match="SIGKILL") as raised:
                crashed.result()
            assert raised.value.reason == "crash"
            opened = pool.submit(OPEN, open_request(tmp_path / "o"), kind="mother", timeout_s=300, log=tmp_path / "log")
            assert opened.result().metric == "top1"
            assert worker.process.poll() is None


def test_the_memory_limit_of_a_worker_holds(tmp_path: Path) -> None:
    with DaskCluster(tmp_path) as cluster:
        cluster.start_worker("--memory-limit", "300MiB")
        with ClusterPool(cluster.address) as pool:
            request = compile_request("classifier", "executorch", tmp_path / "w")
            with pytest.raises(WorkerError, match="more than 300 MiB") as raised:
                pool.submit(COMPILE, request, kind="executorch", timeout_s=300, log=tmp_path / "log").result()
            assert raised.value.reason == "memory"


def test_closing_ends_what_runs_there(tmp_path: Path) -> None:
    with DaskCluster(tmp_path) as cluster:
        worker = cluster.start_worker()
        with ClusterPool(cluster.address) as pool:
            request = compile_request("classifier", "executorch", tmp_path / "w")
            both = [pool.submit(COMPILE, request, kind="executorch", timeout_s=300, log=tmp_path / "log") for _ in "ab"]
            until(worker.converters, "a converter")
            converters = worker.converters()
        for future in both:
            with pytest.raises(WorkerError) as raised:
                future.result(timeout=0)
            assert raised.value.reason == "closed"
        assert living(converters) == []
        until(lambda: not list(worker.folder.glob("dask-scratch-space/*/edge_export-*")), "an empty scratch folder")
        with pytest.raises(RuntimeError, match="closed"):
            pool.submit(COMPILE, request, kind="executorch", timeout_s=1, log=tmp_path / "log")
