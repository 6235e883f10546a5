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
    """What to build.

    Attributes:
        members: Configurations as on the command line; None: the target's, or the smallest and the largest.
        jobs: How many tasks run at once; None for as many as there are cores.
        logs: The folder of the converters' and runtimes' logs.
        store: Where finished steps are kept; None to do everything anew.
        cluster: The address of a Dask scheduler whose workers do the work; None for this machine.
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
    """What the steps of a build share.

    Attributes:
        seconds: How long each step took, by (member, step); None where it came from the cache.
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
        """Run one step, or take its result from the cache. Its seconds are recorded under `name`.

        Args:
            answer: The type of its result.
            parts: Everything that the result depends on beside code, tools and machine; None disables the cache.
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
