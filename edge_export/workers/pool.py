"""A pool of persistent worker processes. A crash fails only the task that caused it."""

from __future__ import annotations

import os
import queue
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import edge_export
from edge_export.files.owned import owned_folder
from edge_export.workers import environments
from edge_export.workers.forked import ForkServer
from edge_export.workers.process import Worker, WorkerError
from edge_export.workers.resources import cpu_count, memory_share
from edge_export.workers.task import Message, WorkerTask

TASKS = "edge_export.workers.tasks:TASKS"
SCRATCH = "edge_export-workers-"
TORCH = ("torch",)
"""What workers share that run members."""
EXPORTER = ("torch", "torch.export._trace")
"""What workers share that prepare and compile members: PyTorch's exporter takes longer to import than PyTorch."""
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class _Job:
    task: WorkerTask[Any, Any]
    request: Any
    kind: str
    timeout_s: float
    log: Path
    future: Future[Any]


class Pool:
    """Runs at most `jobs` tasks at once, each in a worker process of its kind.

    A worker is reused for the next task of its kind, so that heavy imports happen once. A worker that crashes, hangs or
    exceeds its memory limit is killed with its whole process group. Only its own task fails, and the pool starts a new
    worker when it needs one. Leaving the `with` block kills every worker; unfinished tasks fail.

    Args:
        jobs: The number of tasks that run at once. Each gets the machine's cores divided by `jobs` as threads.
        log_dir: The folder of the workers' scratch folders and logs. None: a temporary folder.
        memory_limit_bytes: A worker that holds more memory, together with its child processes, is killed. None: its
            share of this machine's memory. A damaged file can cause an allocation of any size.
        interpreters: The Python interpreter of a kind, where it is not this one. A kind with the name of an isolated
            environment runs in that environment by default.
        tasks: The table of tasks, "module:NAME".
        shared: Modules that all workers of this interpreter need, such as `EXPORTER`. On Linux the workers are forked
            from one process that has imported them. Elsewhere a fork may crash, and each imports what it needs.
    """

    def __init__(
        self,
        jobs: int,
        *,
        log_dir: Path | None = None,
        memory_limit_bytes: int | None = None,
        interpreters: Mapping[str, str] | None = None,
        tasks: str = TASKS,
        shared: Sequence[str] = (),
    ) -> None:
        if jobs < 1:
            raise ValueError(f"jobs must be at least 1, not {jobs}")
        self.jobs = jobs
        self._memory_limit_bytes = memory_share(jobs) if memory_limit_bytes is None else memory_limit_bytes
        self._interpreters = dict(interpreters or {})
        self._tasks = tasks
        if log_dir is not None:
            log_dir.mkdir(parents=True, exist_ok=True)
        # A new folder, next to the logs or in /tmp. Removing it also removes what a killed converter left in it.
        self._owned = ExitStack()
        parent = (log_dir or Path(tempfile.gettempdir())).resolve()
        self._scratch = self._owned.enter_context(owned_folder(parent, SCRATCH))
        # A folder with only this package: another interpreter must not import the rest of our site-packages.
        package = Path(edge_export.__file__).resolve().parent
        (self._scratch / "python").mkdir()
        (self._scratch / "python" / package.name).symlink_to(package)
        self._environment = _environment(jobs, self._scratch)
        self._shared = tuple(shared) if sys.platform == "linux" else ()
        self._server: ForkServer | None = None
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._live: set[Worker] = set()
        self._started = 0
        self._closed = False
        # The kernel kills a worker when the thread that started it ends. That thread must live as long as the pool, so
        # the pool has its own threads, one for each slot. They all end in close().
        self._slots = [threading.Thread(target=self._serve_slot, daemon=True) for _ in range(jobs)]
        for slot in self._slots:
            slot.start()

    def submit[Request: Message, Answer](
        self, task: WorkerTask[Request, Answer], request: Request, *, kind: str, timeout_s: float, log: Path
    ) -> Future[Answer]:
        """Queues a task.

        Args:
            task: A task of the table of tasks.
            request: The task's request.
            kind: The kind of worker that runs it, such as the name of a format.
            timeout_s: The time limit in seconds. Waiting for a free worker does not count.
            log: The file to which everything that the task prints is appended.

        Returns:
            A future of the task's answer. It raises `WorkerError` if the task raised, its worker died, or its answer
            is not valid.
        """
        future: Future[Answer] = Future()
        data = request.model_dump(mode="json")  # here, so that it raises in the caller and not in a thread
        log = log.absolute()
        log.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._queue.put(_Job(task, data, kind, timeout_s, log, future))
        return future

    def close(self) -> None:
        """Kills all workers. Unfinished tasks fail with `WorkerError`, reason "closed"."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            live = list(self._live)
        for worker in live:
            worker.kill()
        if self._server is not None:
            self._server.close()
        for _ in self._slots:
            self._queue.put(None)
        for slot in self._slots:
            slot.join()
        for worker in self._idle:
            worker.close()
        self._owned.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve_slot(self) -> None:
        while (job := self._queue.get()) is not None:
            if not job.future.set_running_or_notify_cancel():
                continue
            try:
                job.future.set_result(self._run(job))
            except BaseException as error:  # otherwise this thread would end, and the future would never complete
                job.future.set_exception(error)

    def _run(self, job: _Job) -> Any:
        worker = self._take(job.kind)
        try:
            answer = worker.ask(
                job.task.name,
                job.request,
                timeout_s=job.timeout_s,
                log=job.log,
                memory_limit_bytes=self._memory_limit_bytes,
            )
        except WorkerError as error:
            if self._closed:
                raise WorkerError(f"{job.task.name} was stopped", "closed", error.tail) from None
            raise
        finally:
            self._give_back(worker)
        return read_answer(job.task, answer)

    def _take(self, kind: str) -> Worker:
        """Returns an idle worker of this kind, or starts one. Closes the longest idle workers if too many are idle."""
        with self._lock:
            if self._closed:
                raise WorkerError("the pool was closed before the task began", "closed")
            for worker in reversed(self._idle):
                if worker.kind == kind and worker.alive:
                    self._idle.remove(worker)
                    return worker
            # Each idle worker holds hundreds of megabytes of imported libraries. But a single slot must not import the
            # libraries of three formats again and again.
            surplus = max(0, len(self._idle) - self.jobs - 2)
            discarded = self._idle[:surplus]
            del self._idle[:surplus]
            self._live.difference_update(discarded)
            self._started += 1
            scratch = self._scratch / f"{kind}-{self._started}"
        for worker_to_end in discarded:
            worker_to_end.close()
        worker = self._start(kind, scratch)
        with self._lock:
            if not self._closed:
                self._live.add(worker)
                return worker
        worker.close()
        raise WorkerError("the pool was closed before the task began", "closed")

    def _start(self, kind: str, scratch: Path) -> Worker:
        """Starts a worker. Where none can be forked, it is one of a new interpreter."""
        python = self._python(kind)
        if python == sys.executable and (server := self._fork_server()) is not None:
            try:
                return Worker(kind, server, self._tasks, self._environment, scratch)
            except OSError:
                server.close()
                self._shared = ()
        return Worker(kind, python, self._tasks, self._environment, scratch)

    def _fork_server(self) -> ForkServer | None:
        """Returns the fork server, started when it is first needed; None: workers are not forked."""
        with self._lock:
            if self._closed or not self._shared:
                return None
            if self._server is None:
                self._server = ForkServer(self._shared, self._environment, self._scratch / "fork-server")
            return self._server

    def _python(self, kind: str) -> str:
        """Returns the interpreter of a kind. Raises WorkerError if it is an environment that is not set up."""
        if kind in self._interpreters or kind not in environments.ENVIRONMENTS:
            return self._interpreters.get(kind, sys.executable)
        if missing := environments.why_missing(kind):
            raise WorkerError(f"the environment {kind} is {missing}", "environment")
        return environments.interpreters()[kind]

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            if worker.alive and not self._closed:
                self._idle.append(worker)
                return
            self._live.discard(worker)
        worker.close()


def read_answer[Answer](task: WorkerTask[Any, Answer], data: Any) -> Answer:
    """Returns a worker's answer. Raises WorkerError if it does not have the task's answer type."""
    try:
        return task.read_answer(data)
    except ValueError as error:
        raise WorkerError(f"the worker's answer to {task.name} is not valid: {error}", "exception") from error


def _environment(jobs: int, scratch: Path) -> dict[str, str]:
    """Returns a worker's environment variables: an importable package, its number of threads, a fixed hash seed.

    PyTorch's exporter makes a folder for Inductor wherever it is imported: it is in the scratch folder, too.
    """
    inherited = os.environ.get("PYTHONPATH")
    threads = str(max(1, cpu_count() // jobs))
    return {
        **os.environ,
        **dict.fromkeys(_THREAD_VARIABLES, threads),
        "PYTHONPATH": os.pathsep.join([str(scratch / "python"), *([inherited] if inherited else [])]),
        "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor"),
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
