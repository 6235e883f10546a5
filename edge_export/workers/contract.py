"""What whoever submits tasks may count on, wherever they run."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Protocol

from edge_export.workers.task import Message, WorkerTask


class Workers(Protocol):
    """Workers that take tasks: those of this machine (`Pool`), or of a cluster (`ClusterPool`)."""

    @property
    def jobs(self) -> int:
        """How many tasks run at once."""

    def submit[Request: Message, Answer](
        self, task: WorkerTask[Request, Answer], request: Request, *, kind: str, timeout_s: float, log: Path
    ) -> Future[Answer]:
        """Queue a task; see `Pool.submit`."""

    def close(self) -> None:
        """End everything; what has not finished fails with `WorkerError`, reason "closed"."""

    def __enter__(self) -> Workers: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
