"""The code that a Dask worker runs for a build: unpack files, run a task in a worker process of ours, pack files.

Each build has its own `Pool` on the Dask worker. A converter that crashes, hangs or fills memory does not affect the
Dask worker, and heavy imports happen once. The pool is closed by `end`, together with the Dask worker, or when another
build starts while it is idle.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge_export.cache.keys import installed
from edge_export.workers.cluster.file_tree import FileTree, pack, unpack
from edge_export.workers.cluster.messages import Changes, Outcome, RemotePath, RemoteTask
from edge_export.workers.environments import ENVIRONMENTS, why_missing
from edge_export.workers.pool import EXPORTER, Pool
from edge_export.workers.process import WorkerError
from edge_export.workers.task import Travel, task_named
from edge_export.workers.tasks import TASKS

LOG_BYTES = 1 << 20
"""The number of bytes at the end of a task's log that are sent back."""


@dataclass
class _RemoteBuild:
    """The folder and pool of a build on this Dask worker, which runs one task of the build per thread."""

    folder: Path
    pool: Pool
    running: int = 0
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def close(self) -> None:
        self.pool.close()
        shutil.rmtree(self.folder, ignore_errors=True)


_builds: dict[str, _RemoteBuild] = {}
_lock = threading.Lock()


def keep(tree: FileTree) -> FileTree:
    """A Dask task that returns its files, which Dask keeps for other tasks. Dask repeats it when the files are lost."""
    return tree


def perform(text: str, *trees: FileTree | None) -> Outcome:
    """Runs one task on this Dask worker.

    Args:
        text: A `RemoteTask`, JSON.
        trees: The files of the paths that are sent, in the order of the task's paths. None: the path does not exist.
    """
    task = RemoteTask.model_validate_json(text)
    if reason := _why_not_here(task):
        return Outcome(error={"message": reason, "reason": "environment"})
    with _build_here(task.build) as build:
        own = build.folder / "tasks" / str(next(build.numbers))
        try:
            return _perform(build, own, task, trees)
        finally:
            shutil.rmtree(own, ignore_errors=True)


def end(build: str) -> None:
    """Kills the worker processes of a build and removes its files."""
    with _lock:
        ended = _builds.pop(build, None)
    if ended is not None:
        ended.close()


def differences(theirs: Mapping[str, str]) -> str:
    """Returns how the packages installed here differ from `theirs`, which a build needs; empty if they are the same."""
    ours = installed()
    names = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    return ", ".join(f"{name} {ours.get(name) or 'missing'} instead of {theirs.get(name) or 'none'}" for name in names)


def _perform(build: _RemoteBuild, own: Path, task: RemoteTask, trees: tuple[FileTree | None, ...]) -> Outcome:
    sent = dict(zip([path.name for path in task.paths if path.is_sent], trees, strict=True))
    paths = {path.name: _place(build, own, path, sent.get(path.name)) for path in task.paths}
    called = {name: str(path) for name, path in paths.items()}
    worker_task = task_named(TASKS, task.task)
    request = worker_task.request.model_validate(task.relocated(paths))
    log = own / "log"
    job = build.pool.submit(worker_task, request, kind=task.kind, timeout_s=task.timeout_s, log=log)
    try:
        answer = worker_task.write_answer(job.result())
    except WorkerError as error:
        fields = {"reason": error.reason, "tail": error.tail, "request": error.request, "raised": error.raised}
        return Outcome(error={"message": str(error), **fields}, log=_end_of(log), called=called)
    return Outcome(
        answer=answer,
        folders={
            path.name: _changes(sent[path.name] or {}, paths[path.name])
            for path in task.paths
            if path.travel is Travel.FOLDER
        },
        outputs={path.name: pack(paths[path.name]) for path in task.paths if path.travel is Travel.OUTPUT},
        log=_end_of(log),
        called=called,
    )


def _place(build: _RemoteBuild, own: Path, path: RemotePath, tree: FileTree | None) -> Path:
    """Returns the place of a task's path on this machine, and writes its files there if they are sent."""
    if path.travel is Travel.INPUT:
        return _input(build, path.digest, path.file_name, tree)
    place = own / path.name / path.file_name
    if path.travel is Travel.FOLDER:
        unpack(tree or {}, place)
    else:
        place.parent.mkdir(parents=True)
    return place


def _why_not_here(task: RemoteTask) -> str:
    """Returns why this Dask worker cannot run the task and what to do there; empty if it can."""
    from distributed import get_worker

    here = f"Dask worker {get_worker().address}"
    if differing := differences(task.installed):
        return f"{here} has {differing}: install the same there and restart it"
    if task.kind in ENVIRONMENTS and (missing := why_missing(task.kind)):
        return f"{here} lacks the environment {task.kind}, which is {missing} there"
    return ""


@contextmanager
def _build_here(name: str) -> Iterator[_RemoteBuild]:
    """Yields the folder and pool of a build. If they are new, it first closes the idle pools of other builds."""
    with _lock:
        idle = [] if name in _builds else [other for other, build in _builds.items() if not build.running]
        abandoned = [_builds.pop(other) for other in idle]
        build = _builds[name] if name in _builds else _builds.setdefault(name, _new_build())
        build.running += 1
    for each in abandoned:
        each.close()
    try:
        yield build
    finally:
        with _lock:
            build.running -= 1


def _new_build() -> _RemoteBuild:
    from distributed import get_worker

    worker = get_worker()
    jobs, memory = worker.state.nthreads, worker.memory_manager.memory_limit
    folder = Path(tempfile.mkdtemp(prefix="edge_export-", dir=worker.local_directory))
    share = None if memory is None else int(memory / jobs)
    return _RemoteBuild(folder, Pool(jobs, log_dir=folder, memory_limit_bytes=share, shared=EXPORTER))


def _input(build: _RemoteBuild, digest: str, name: str, tree: FileTree | None) -> Path:
    """Returns the path of an input: the same path for the same content, so that a worker process can cache by path."""
    path = build.folder / "inputs" / digest / name
    if tree is not None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        tmp = Path(tempfile.mkdtemp(dir=build.folder))
        unpack(tree, tmp / name)
        with suppress(OSError):  # another thread has put the folder there in the meantime
            (tmp / name).rename(path)
        shutil.rmtree(tmp)
    return path


def _changes(before: FileTree, folder: Path) -> Changes:
    """Returns the files that a task wrote to its folder, and the names of those that it removed."""
    after = pack(folder) or {}
    written = {name: content for name, content in after.items() if before.get(name) != content}
    return Changes(written, sorted(before.keys() - after.keys()))


def _end_of(log: Path) -> bytes:
    if not log.exists():
        return b""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_BYTES))
        return file.read()
