"""Runs one step of a build, or restores it from the store if it was finished before with the same inputs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_export.cache.keys import key_of
from edge_export.cache.store import Damaged, Store


@dataclass(frozen=True)
class Step:
    """A finished step: its record (JSON), and whether it was restored from the store."""

    record: dict[str, Any]
    cached: bool


def run_step(
    store: Store | None,
    step: str,
    parts: Mapping[str, Any] | None,
    workdir: Path,
    work: Callable[[], dict[str, Any]],
    keep: Callable[[dict[str, Any]], bool] = lambda _: True,
) -> Step:
    """Calls `work`, which writes its files to `workdir` and returns its record, or restores its earlier result.

    Args:
        store: The store; None: nothing is restored or stored.
        step: The name of the step, a key of `SOURCES`.
        parts: Everything that the result depends on besides code, tools and machine; None: that is not known, and
            nothing is restored or stored.
        workdir: A folder for this step only. It is created if it does not exist.
        work: Does the work of the step.
        keep: Returns whether to store a record.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    if store is None or parts is None:
        return Step(work(), cached=False)
    key = key_of(step, parts)
    if (entry := store.get(key)) is not None:
        try:
            store.restore(entry, workdir)
            return Step(entry.record, cached=True)
        except Damaged:
            shutil.rmtree(workdir)
            workdir.mkdir()
    record = work()
    if keep(record):
        store.put(key, record, {path.name: path for path in workdir.iterdir()})
    return Step(record, cached=False)
