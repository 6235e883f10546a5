"""A build's request and its context: scratch folder, workers, progress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from pydantic import TypeAdapter

from edge_export.cache.steps import run_step
from edge_export.cache.store import Store
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.target import Target
from edge_export.workers import Workers

Progress = Callable[[str, str, str], None]
"""Is called with (member, what, state) when a step begins or ends; `what` is "member" or an artifact's label."""


class Timed(Protocol):
    """The result of a step: any record with the seconds that it took."""

    @property
    def seconds(self) -> float: ...


@dataclass(frozen=True)
class BuildRequest:
    """The request of a build.

    Attributes:
        members: Configurations as on the command line. None: the smallest and the largest.
        jobs: The number of worker tasks that run at once. None: one per core.
        logs: The folder of the converters' and runtimes' logs.
        store: The cache of finished steps. None: run every step.
        cluster: The address of a Dask scheduler whose workers run the steps. None: this machine.
    """

    target: Target
    mother: MotherSource
    members: str | None
    out: Path
    jobs: int | None
    logs: Path
    store: Store | None
    cluster: str | None = None


@dataclass(frozen=True)
class BuildContext:
    """The values that all steps of a build share.

    Attributes:
        seconds: The duration of each step, by (member, step). None: it came from the cache.
    """

    request: BuildRequest
    scratch: Path
    workers: Workers
    progress: Progress
    seconds: dict[tuple[str, str], float | None]

    def step[Answer: Timed](
        self,
        name: tuple[str, str],
        step: str,
        answer: type[Answer],
        parts: dict[str, Any] | None,
        workdir: Path,
        work: Callable[[], Answer],
    ) -> Answer:
        """Runs one step, or takes its result from the cache. Its seconds are recorded under `name`.

        Args:
            answer: The type of its result.
            parts: Everything that the result depends on, except code, tools and machine. None: do not use the cache.
            workdir: The folder that it writes its files to.
            work: Runs the step.
        """
        adapter: TypeAdapter[Answer] = TypeAdapter(answer)

        def record() -> dict[str, Any]:
            return cast("dict[str, Any]", adapter.dump_python(work(), mode="json"))

        done = run_step(self.request.store, step, parts, workdir, record)
        result = adapter.validate_python(done.record)
        self.seconds[name] = None if done.cached else result.seconds
        return result
