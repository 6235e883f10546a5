"""What whoever orders tasks may count on, wherever they run."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol


class Workers(Protocol):
    """Workers that take tasks: those of this machine (`Pool`), or of a cluster (`ClusterPool`)."""

    @property
    def jobs(self) -> int:
        """How many tasks run at once."""

    def submit(
        self, task: str, args: Mapping[str, Any], *, kind: str, timeout_s: float, log: Path
    ) -> Future[dict[str, Any]]:
        """Queue a task; see `Pool.submit`."""

    def close(self) -> None:
        """End everything; what has not finished fails with `WorkerError`, reason "closed"."""

    def __enter__(self) -> Workers: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
