"""The messages between a build and a Dask worker: a packed task with its files, and its outcome."""

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
    """A path of a request that differs between machines.

    Attributes:
        location: The field names that lead to it in the request.
        travel: How it is handled on the other machine.
        file_name: Its last part.
        digest: The digest of the files that are sent for it.
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
        """Whether its files are sent to the worker. Those of an output are only sent back."""
        return self.travel in (Travel.INPUT, Travel.FOLDER)


class RemoteTask(Message):
    """A task that a Dask worker runs.

    Attributes:
        build: The name of the build that the task belongs to.
        installed: The packages and versions of the build's own machine.
        task, request, kind, timeout_s: As for `Pool.submit`; the request is JSON.
        paths: The paths in the request that differ between machines.
    """

    build: str
    installed: dict[str, str]
    task: str
    request: dict[str, Any]
    kind: str
    timeout_s: float
    paths: tuple[RemotePath, ...]

    def relocated(self, paths: Mapping[str, Path]) -> dict[str, Any]:
        """Returns the request with `paths`, by name, in place of its own."""
        request = self.request
        for path in self.paths:
            request = _with(request, path.location, str(paths[path.name]))
        return request


@dataclass(frozen=True)
class PackedTask:
    """A task with its files.

    Attributes:
        task: The task.
        trees: Digest and content of each path that is sent, in the order of the task's paths. The content is None
            where the path does not exist.
        paths: The task's paths on this machine, by name.
    """

    task: RemoteTask
    trees: tuple[tuple[str, FileTree | None], ...]
    paths: Mapping[str, Path]


@dataclass(frozen=True)
class Changes:
    """The files that a task wrote to its folder, and the names of those that it removed."""

    written: FileTree
    removed: list[str]


@dataclass(frozen=True)
class Outcome:
    """The result that a Dask worker returns.

    Attributes:
        answer: The task's answer, JSON; None if there is an error.
        error: The fields of a `WorkerError`; None if there is an answer.
        folders: The changes in each folder, by name.
        outputs: Each output's file, by name.
        log: What the task printed.
        called: Each of the task's paths on the worker's machine, by name.
    """

    answer: Any = None
    error: dict[str, str] | None = None
    folders: dict[str, Changes] = field(default_factory=dict)
    outputs: dict[str, FileTree | None] = field(default_factory=dict)
    log: bytes = b""
    called: dict[str, str] = field(default_factory=dict)


def pack_task(build: str, task: str, request: Message, kind: str, timeout_s: float) -> PackedTask:
    """Packs a request for another machine. Raises WorkerError if one of its files cannot be read or is too large."""
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
    """Writes here what a task wrote and printed on another machine, and returns its answer, JSON.

    Raises:
        WorkerError: The task did not succeed.
        ValueError: A file would be written outside of its folder.
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
    file_name = PurePath(normpath(each.path)).name  # correct for `goldens/..` as well
    return RemotePath(location=each.location, travel=each.travel, file_name=file_name, digest=digest)


def _with(data: dict[str, Any], location: tuple[str, ...], value: str) -> dict[str, Any]:
    """Returns a copy of `data` with another value at `location`."""
    first, *rest = location
    return {**data, first: _with(data[first], tuple(rest), value) if rest else value}


def _translated(text: str, outcome: Outcome, packed: PackedTask) -> str:
    """Returns a message with every path of the other machine replaced by the path here."""
    for name, there in outcome.called.items():
        text = text.replace(there, str(packed.paths[name]))
    return text
