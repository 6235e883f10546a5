"""A pool whose tasks run on the workers of a Dask scheduler. The machines share no file system."""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

from edge_export.workers.cluster.connection import connect
from edge_export.workers.cluster.file_tree import FileTree
from edge_export.workers.cluster.messages import Outcome, PackedTask, deliver, pack_task
from edge_export.workers.cluster.worker import end, keep, perform
from edge_export.workers.pool import read_answer
from edge_export.workers.process import WorkerError
from edge_export.workers.task import Message, WorkerTask, path_fields

RETRIES = 2
"""How often Dask repeats a task that failed outside of our own worker process, such as on a full disk."""
PATIENCE_S = 120.0
"""How long a task waits, in seconds, while the cluster has no workers."""
HELD_BYTES = 512 << 20
"""How many bytes of files stay on the cluster for later tasks. The least recently used are dropped and sent again."""
_POLL_S = 5.0
_AGAIN = "repair the cluster and build again, finished steps are kept in the cache"


class ClusterLost(Exception):
    """The cluster is gone. It ends the build and says nothing about any artifact. The message is one line."""


class ClusterPool:
    """A `Pool` on a Dask cluster: each task runs in a worker process of ours, on a machine that Dask chooses.

    The files that a task reads are sent there. What it writes and prints is written here, to the same places as by a
    local task. When a machine dies, Dask runs its tasks on another one.

    Args:
        address: The address of the scheduler, such as "tcp://10.0.0.5:8786".
        jobs: The number of tasks that run at once. None: the number of the cluster's threads.

    Raises:
        RequestError: The cluster cannot be used; see `connect`.
    """

    def __init__(self, address: str, jobs: int | None = None) -> None:
        self._address = address
        self._build = uuid.uuid4().hex
        self._client = connect(address)
        import dask  # imported here, because `connect` has checked that it is installed

        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"})  # a task may hold a large file
        self._executor = self._client.get_executor(pure=False, retries=RETRIES)
        self.jobs = jobs or sum(self._client.nthreads().values())
        self._threads = ThreadPoolExecutor(self.jobs)
        self._lock = Lock()
        self._held: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._closed = False

    def submit[Request: Message, Answer](
        self, task: WorkerTask[Request, Answer], request: Request, *, kind: str, timeout_s: float, log: Path
    ) -> Future[Answer]:
        """Queues a task. See `Pool.submit`."""
        tuple(path_fields(request))  # here, so that it raises in the caller and not in a thread
        log.parent.mkdir(parents=True, exist_ok=True)
        if self._closed:
            raise RuntimeError("the pool is closed")
        return self._threads.submit(self._perform, task, request, kind, timeout_s, log)

    def close(self) -> None:
        """Stops all tasks on the cluster. Unfinished tasks fail with `WorkerError`, reason "closed"."""
        from distributed.client import ClosedClientError

        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._client.status == "running":  # otherwise the cluster is gone, and its workers clean up by themselves
            with suppress(OSError, TimeoutError, ClosedClientError):  # it may be lost at any moment
                self._executor.shutdown(wait=False)
                self._client.run(end, self._build, on_error="ignore")
        self._threads.shutdown()
        self._held.clear()
        self._client.close()

    def __enter__(self) -> ClusterPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _perform[Answer](
        self, task: WorkerTask[Any, Answer], request: Message, kind: str, timeout_s: float, log: Path
    ) -> Answer:
        packed = pack_task(self._build, task.name, request, kind, timeout_s)
        return read_answer(task, deliver(packed, self._outcome(packed), log))

    def _outcome(self, packed: PackedTask) -> Outcome:
        """Runs a task on a Dask worker and returns its outcome; see `worker.perform`.

        Raises:
            WorkerError: No worker returned an outcome.
            ClusterLost: The scheduler or all workers are gone.
        """
        from distributed.scheduler import KilledWorker

        try:
            text = packed.task.model_dump_json()
            waiting = self._executor.submit(perform, text, *(self._hold(*each) for each in packed.trees))
            self._wait(waiting)
            outcome: Outcome = waiting.result()
            return outcome
        except ClusterLost:
            raise
        except (Exception, CancelledError) as error:
            if self._closed:
                raise WorkerError(f"{packed.task.task} was stopped", "closed") from None
            if isinstance(error, CancelledError) or self._client.status != "running":
                raise ClusterLost(f"the scheduler {self._address} was lost: {_AGAIN}") from None
            reason = "crash" if isinstance(error, KilledWorker) else "exception"
            raise WorkerError(f"{type(error).__name__}: {error}", reason) from error

    def _wait(self, waiting: Future[Outcome]) -> None:
        """Waits for a task. Raises ClusterLost if the cluster has no workers for `PATIENCE_S` seconds."""
        seen = time.monotonic()
        while not wait([waiting], timeout=_POLL_S).done:
            if self._client.scheduler_info()["workers"]:
                seen = time.monotonic()
            elif time.monotonic() - seen > PATIENCE_S:
                waiting.cancel()
                raise ClusterLost(f"the scheduler {self._address} has had no workers for {PATIENCE_S:g} s: {_AGAIN}")

    def _hold(self, digest: str, tree: FileTree | None) -> Any:
        """Returns a Dask future of files. Sends them if the cluster lacks them; Dask resends what a worker lost."""
        if tree is None:
            return None
        with self._lock:
            future, _ = self._held.pop(digest, (None, 0))
            if future is None or future.status not in ("pending", "finished"):
                future = self._client.submit(keep, tree, key=f"edge_export-{digest}", pure=False)
            self._held[digest] = future, sum(map(len, tree.values()))
            while sum(size for _, size in self._held.values()) > HELD_BYTES and len(self._held) > 1:
                self._held.popitem(last=False)
        return future
