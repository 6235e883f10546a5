"""The interface of every pool of workers, on this machine or on a cluster."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Protocol

from edge_export.workers.task import Message, WorkerTask


class Workers(Protocol):
    """Workers that run worker tasks: `Pool` on this machine, `ClusterPool` on a cluster."""

    @property
    def jobs(self) -> int:
        """The number of tasks that run at once."""

    def submit[Request: Message, Answer](
        self, task: WorkerTask[Request, Answer], request: Request, *, kind: str, timeout_s: float, log: Path
    ) -> Future[Answer]:
        """Queues a task. See `Pool.submit`."""

    def close(self) -> None:
        """Stops all workers. Unfinished tasks fail with `WorkerError`, reason "closed"."""

    def __enter__(self) -> Workers: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
