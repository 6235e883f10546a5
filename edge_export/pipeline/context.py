"""What is asked for, and where it is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_export.cache.steps import Step, run_step
from edge_export.cache.store import Store
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.target import Target
from edge_export.workers import Workers

Progress = Callable[[str, str, str], None]
"""Told (member, what, state) whenever something begins or ends; `what` is "member" or an artifact's label."""


@dataclass(frozen=True)
class Request:
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
class Site:
    """Where a build happens: a scratch folder, the workers, and who is told."""

    request: Request
    scratch: Path
    pool: Workers
    progress: Progress
    seconds: dict[tuple[str, str], float | None]

    def step(self, name: tuple[str, str], step: str, parts: Any, workdir: Path, work: Callable[[], Any]) -> Step:
        """One step, from the cache if it can be; the `seconds` that its record says it took are noted under `name`."""
        done = run_step(self.request.store, step, parts, workdir, work)
        self.seconds[name] = None if done.cached else done.record["seconds"]
        return done
