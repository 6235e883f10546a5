"""A task as it is sent to another machine, and what comes back from there put where it belongs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os.path import normpath
from pathlib import Path, PurePath
from typing import Any

from edge_export.cache.keys import installed
from edge_export.workers.cluster.file_tree import FileTree, TooLarge, digest_of, pack, remove, unpack
from edge_export.workers.process import WorkerError
from edge_export.workers.task import Message, PathField, Travel, path_fields


class RemotePath(Message):
    """A path of a request that travels.

    Attributes:
        location: The names that lead to it in the request.
        file_name: Its last part.
        digest: Of the files that were sent for it.
    """

    location: tuple[str, ...]
    travel: Travel
    file_name: str
    digest: str = ""

    @property
    def name(self) -> str:
        return ".".join(self.location)

    @property
    def is_sent(self) -> bool:
        """Whether its files go to the worker; those of an output only come back."""
        return self.travel in (Travel.INPUT, Travel.FOLDER)


class RemoteTask(Message):
    """What a Dask worker is asked for.

    Attributes:
        build: The name of the build that it belongs to.
        installed: What the build's own machine has.
        task, request, kind, timeout_s: As for `Pool.submit`; the request is JSON.
        paths: The paths in the request that travel.
    """

    build: str
    installed: dict[str, str]
    task: str
    request: dict[str, Any]
    kind: str
    timeout_s: float
    paths: tuple[RemotePath, ...]

    def relocated(self, paths: Mapping[str, Path]) -> dict[str, Any]:
        """The request with `paths`, by the names of those that travel, in place of its own."""
        request = self.request
        for path in self.paths:
            request = _with(request, path.location, str(paths[path.name]))
        return request


@dataclass(frozen=True)
class PackedTask:
    """A task with its files.

    Attributes:
        task: What is asked for.
        trees: Digest and content of each path that is sent, in the order of the task's; None where nothing is there.
        paths: Where the paths that travel lie here, by name.
    """

    task: RemoteTask
    trees: tuple[tuple[str, FileTree | None], ...]
    paths: Mapping[str, Path]


@dataclass(frozen=True)
class Changes:
    """What a task has written to its folder, and what it has removed from it."""

    written: FileTree
    removed: list[str]


@dataclass(frozen=True)
class Outcome:
    """What a Dask worker gives back.

    Attributes:
        answer: Of the task, JSON; None where there is an error.
        error: The fields of a `WorkerError`; None where there is an answer.
        folders: What became of each folder, by name.
        outputs: Each output's file, by name.
        log: What the task has printed.
        called: What each path that travels was called there, by name.
    """

    answer: Any = None
    error: dict[str, str] | None = None
    folders: dict[str, Changes] = field(default_factory=dict)
    outputs: dict[str, FileTree | None] = field(default_factory=dict)
    log: bytes = b""
    called: dict[str, str] = field(default_factory=dict)


def pack_task(build: str, task: str, request: Message, kind: str, timeout_s: float) -> PackedTask:
    """A request packed for another machine; WorkerError when one of its files can't be read."""
    travelling = [each for each in path_fields(request) if each.travel is not Travel.STAY]
    try:
        trees = {each.name: pack(each.path) for each in travelling if each.travel is not Travel.OUTPUT}
    except (OSError, TooLarge) as error:
        raise WorkerError(f"{task}: {error}", "exception") from error
    digests = {name: "missing" if tree is None else digest_of(tree) for name, tree in trees.items()}
    remote = RemoteTask(
        build=build,
        installed=installed(),
        task=task,
        request=request.model_dump(mode="json"),
        kind=kind,
        timeout_s=timeout_s,
        paths=tuple(_remote_path(each, digests.get(each.name, "")) for each in travelling),
    )
    return PackedTask(
        remote,
        tuple((digests[name], tree) for name, tree in trees.items()),
        {each.name: each.path for each in travelling},
    )


def deliver(packed: PackedTask, outcome: Outcome, log: Path) -> Any:
    """Write what a task has written and printed elsewhere, and return its answer, JSON.

    Raises:
        WorkerError: The task did not succeed.
        ValueError: A file would land outside of its folder.
    """
    with log.open("ab") as file:
        file.write(outcome.log)
    if outcome.error is not None:
        raise WorkerError(**{name: _translated(text, outcome, packed) for name, text in outcome.error.items()})
    for name, changes in outcome.folders.items():
        unpack(changes.written, packed.paths[name])
        remove(changes.removed, packed.paths[name])
    for name, tree in outcome.outputs.items():
        if tree is not None:
            unpack(tree, packed.paths[name])
    return outcome.answer


def _remote_path(each: PathField, digest: str) -> RemotePath:
    file_name = PurePath(normpath(each.path)).name  # of `goldens/..` as well
    return RemotePath(location=each.location, travel=each.travel, file_name=file_name, digest=digest)


def _with(data: dict[str, Any], location: tuple[str, ...], value: str) -> dict[str, Any]:
    """`data` with another value at `location`; the original stays as it was."""
    first, *rest = location
    return {**data, first: _with(data[first], tuple(rest), value) if rest else value}


def _translated(text: str, outcome: Outcome, packed: PackedTask) -> str:
    """A message with every path of the other machine as it is called here."""
    for name, there in outcome.called.items():
        text = text.replace(there, str(packed.paths[name]))
    return text
