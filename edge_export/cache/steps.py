"""One step of a build: taken from the store if it was ever finished with the same inputs, else done and kept."""

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
    """A finished step: its record (JSON), and whether it came from the store."""

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
    """Do `work`, which leaves its files in `workdir` and returns its record, or restore what it once left there.

    Args:
        store: None keeps nothing.
        parts: All that the result depends on beside code, tools and machine; None where that can't be known.
        workdir: A folder of this step alone, made if need be.
        keep: Whether a record is worth keeping.
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
