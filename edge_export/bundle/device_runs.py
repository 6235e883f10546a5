"""Writes the runs of one device into a bundle's numerics.json. The runs of other devices stay."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from edge_export.bundle.folder import read_bundle, write_record
from edge_export.bundle.numerics import FILE_NAME, LOCAL, ArtifactRun, Numerics


def with_runs(numerics: Numerics, new: Mapping[str, tuple[ArtifactRun, ...]]) -> Numerics:
    """Returns `numerics` with new runs by member. Each replaces that of the same artifact, device and runtime."""
    members = []
    for member in numerics.members:
        fresh = new.get(member.name, ())
        replaced = {key_of(run) for run in fresh}
        kept = [run for run in member.runs if key_of(run) not in replaced]
        members.append(member.model_copy(update={"runs": (*kept, *fresh)}))
    return numerics.model_copy(update={"members": tuple(members)})


def only_runs(numerics: Numerics, runs: Mapping[str, tuple[ArtifactRun, ...]]) -> Numerics:
    """Returns `numerics` with these runs by member and no others."""
    members = (member.model_copy(update={"runs": runs.get(member.name, ())}) for member in numerics.members)
    return numerics.model_copy(update={"members": tuple(members)})


def write_runs(root: Path, new: Mapping[str, tuple[ArtifactRun, ...]]) -> None:
    """Adds new runs by member to the numerics.json of the bundle in `root`, whole or not at all.

    Raises:
        RequestError: The bundle can't be read or written.
    """
    with locked(root):
        numerics = with_runs(read_bundle(root).numerics, new)
        write_record(root / FILE_NAME, numerics)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Holds the bundle in `root` during the block, so that two devices that end at once are both written."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def key_of(run: ArtifactRun) -> tuple[str, str, str]:
    """Returns what tells runs apart: here also the runtime's name, since only here a format has several."""
    return (run.artifact, run.device, run.runtime.partition(" ")[0] if run.device == LOCAL else "")
