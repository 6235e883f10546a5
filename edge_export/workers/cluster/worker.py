"""What a Dask worker does for a build on another machine: files in, a task in a worker process of ours, files out.

A build has a `Pool` of its own here, so that a converter may crash, hang and eat memory without the Dask worker, and
pays its imports once. It ends with the build (`end`), with the Dask worker, or when the next build finds it idle.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_export.cache.keys import installed
from edge_export.workers.cluster.file_tree import Parcel, pack, unpack
from edge_export.workers.environments import ENVIRONMENTS, why_missing
from edge_export.workers.pool import Pool
from edge_export.workers.process import WorkerError

LOG_BYTES = 1 << 20
"""How much of the end of a task's log is sent back."""


@dataclass
class _Site:
    """What a build has on this worker; a Dask worker of several threads runs several of its tasks at once."""

    folder: Path
    pool: Pool
    running: int = 0
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def close(self) -> None:
        self.pool.close()
        shutil.rmtree(self.folder, ignore_errors=True)


_sites: dict[str, _Site] = {}
_lock = threading.Lock()


def keep(parcel: Parcel) -> Parcel:
    """A Dask task that only holds files on the cluster: several others take them, and a lost one is made again."""
    return parcel


def perform(order: str, *parcels: Parcel | None) -> dict[str, Any]:
    """Run one task here.

    Args:
        order: JSON: `build`, `installed` (what the build's own machine has), `task`, `args`, `kind` and `timeout_s` as
            for `Pool.submit`, and what of `args` are paths: `inputs` and `folders` (argument, file name and digest for
            each of `parcels`), and `outputs` (argument and file name).
        parcels: The files themselves, inputs first; None for one that does not exist.

    Returns:
        Either `answer`, `folders` (what each has new, and what no longer) and `outputs` (parcels), by argument, or
        `error`: the fields of a `WorkerError`. Always `log`, bytes, and `paths`, what each argument was called here.
    """
    asked = json.loads(order)
    if reason := _why_not_here(asked):
        return {"error": {"message": reason, "reason": "environment"}, "log": b"", "paths": {}}
    with _site(asked["build"]) as site:
        own = site.folder / "tasks" / str(next(site.numbers))
        try:
            return _perform(site, own, asked, parcels)
        finally:
            shutil.rmtree(own, ignore_errors=True)


def end(build: str) -> None:
    """Kill what runs for a build, and remove its files."""
    with _lock:
        site = _sites.pop(build, None)
    if site is not None:
        site.close()


def differences(theirs: Mapping[str, str]) -> str:
    """How what is installed here differs from `theirs`, which a build needs; empty when it doesn't."""
    ours = installed()
    names = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    return ", ".join(f"{name} {ours.get(name) or 'missing'} instead of {theirs.get(name) or 'none'}" for name in names)


def _perform(site: _Site, own: Path, asked: dict[str, Any], parcels: tuple[Parcel | None, ...]) -> dict[str, Any]:
    incoming = [*asked["inputs"], *asked["folders"]]
    sent = {argument: parcel for (argument, *_), parcel in zip(incoming, parcels, strict=True)}
    paths = {argument: _input(site, digest, name, sent[argument]) for argument, name, digest in asked["inputs"]}
    for argument, name in asked["folders"]:
        paths[argument] = own / argument / name
        unpack(sent[argument] or {}, paths[argument])
    for argument, name in asked["outputs"]:
        paths[argument] = own / argument / name
        paths[argument].parent.mkdir(parents=True)
    called = {argument: str(path) for argument, path in paths.items()}
    log = own / "log"
    job = site.pool.submit(
        asked["task"], asked["args"] | called, kind=asked["kind"], timeout_s=asked["timeout_s"], log=log
    )
    try:
        done = {
            "answer": job.result(),
            "folders": {each[0]: _changes(sent[each[0]] or {}, paths[each[0]]) for each in asked["folders"]},
            "outputs": {argument: pack(paths[argument]) for argument, _ in asked["outputs"]},
        }
    except WorkerError as error:
        fields = {"reason": error.reason, "tail": error.tail, "request": error.request, "raised": error.raised}
        done = {"error": {"message": str(error), **fields}}
    return {**done, "log": _end_of(log), "paths": called}


def _why_not_here(asked: dict[str, Any]) -> str:
    """Why this worker can't do what is asked, and what to do there; empty when it can."""
    from distributed import get_worker

    here = f"Dask worker {get_worker().address}"
    if differing := differences(asked["installed"]):
        return f"{here} has {differing}: install the same there and restart it"
    if asked["kind"] in ENVIRONMENTS and (missing := why_missing(asked["kind"])):
        return f"{here} lacks the environment {asked['kind']}, which is {missing} there"
    return ""


@contextmanager
def _site(build: str) -> Iterator[_Site]:
    """The site of a build, made if need be."""
    with _lock:
        idle = [] if build in _sites else [name for name, site in _sites.items() if not site.running]
        abandoned = [_sites.pop(name) for name in idle]
        site = _sites[build] if build in _sites else _sites.setdefault(build, _new_site())
        site.running += 1
    for each in abandoned:
        each.close()
    try:
        yield site
    finally:
        with _lock:
            site.running -= 1


def _new_site() -> _Site:
    from distributed import get_worker

    worker = get_worker()
    jobs, memory = worker.state.nthreads, worker.memory_manager.memory_limit
    folder = Path(tempfile.mkdtemp(prefix="edge_export-", dir=worker.local_directory))
    share = None if memory is None else int(memory / jobs)
    return _Site(folder, Pool(jobs, log_dir=folder, memory_limit_bytes=share))


def _input(site: _Site, digest: str, name: str, parcel: Parcel | None) -> Path:
    """Where an input lies: the same place whenever it is the same, so that a worker process may know it again."""
    path = site.folder / "inputs" / digest / name
    if parcel is not None and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=site.folder))
        unpack(parcel, beside / name)
        with suppress(OSError):  # a folder that another thread has put there by now
            (beside / name).rename(path)
        shutil.rmtree(beside)
    return path


def _changes(before: Parcel, folder: Path) -> dict[str, Any]:
    """What a task has written to its folder, and what it has removed."""
    after = pack(folder) or {}
    written = {name: content for name, content in after.items() if before.get(name) != content}
    return {"written": written, "removed": sorted(before.keys() - after.keys())}


def _end_of(log: Path) -> bytes:
    if not log.exists():
        return b""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_BYTES))
        return file.read()
