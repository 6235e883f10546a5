"""Runs a request on a device: everything goes there, runs, comes back, and is checked."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_export.cache import cache_folder
from edge_export.devices.device import Device, Report
from edge_export.devices.folder import read_request, write_folder
from edge_export.devices.request import Request
from edge_export.devices.results import Results, read_results
from edge_export.errors import RequestError, one_line

Make = Callable[[], tuple[Request, Mapping[str, Path]]]
"""Makes a request, and names the file of each of its parts by its path in the request."""


@dataclass(frozen=True)
class Job:
    """One run of a verb on a device.

    Attributes:
        verb: "verify" or "bench".
        bundle: The folder of the bundle.
        digest: The sha256 of its manifest.json.
        resume: Whether to go on with the run whose link was lost.
    """

    verb: str
    bundle: Path
    digest: str
    resume: bool


def run_on(device: Device, request: Request, folder: Path, report: Report, *, resume: bool) -> Results:
    """Runs a request on a device and returns what came back.

    Args:
        folder: The request folder on this machine, with request.json and its parts. Results are kept in it.
        report: Is called as items start and end.
        resume: Whether the request may have been run in part before.

    Raises:
        LinkLost: The device is gone. Run the same folder again to go on.
        RequestError: The device can't run it.
    """
    device.run(folder, request, report, resume=resume)
    return read_results(folder, request)


@contextmanager
def results_of(
    device: Device, job: Job, make: Make, report: Callable[[Request], Report]
) -> Iterator[tuple[Request, Results]]:
    """Runs a request on a device, or goes on with the last one. Gives the request and its results.

    The request folder stands in the cache folder. It is removed when the block ends, and kept if anything raises.

    Args:
        make: Makes the request, if there is none to go on with.
        report: Makes the function that is told of the request's items.

    Raises:
        LinkLost: The device is gone. The same call with `job.resume` goes on.
        RequestError: There is nothing to go on with, another process uses this folder, or the device can't run it.
    """
    key = hashlib.sha256(f"{job.verb}\0{job.bundle.absolute()}\0{device.name}".encode()).hexdigest()[:16]
    folder = cache_folder() / "devices" / f"{job.verb}-{key}"
    with held(folder, f"another {job.verb} of {job.bundle} on {device.name} is running: wait until it has ended"):
        if job.resume:
            request = _interrupted(folder, job, device.name)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            request, sources = make()
            write_folder(folder, request, sources)
        results = run_on(device, request, folder, report(request), resume=job.resume)
        yield request, results
        shutil.rmtree(folder, ignore_errors=True)


def _interrupted(folder: Path, job: Job, device: str) -> Request:
    """Returns the request of the run that was interrupted. Raises RequestError if there is none for this bundle."""
    request = read_request(folder)
    if request is None:
        raise RequestError(f"no {job.verb} of {job.bundle} on {device} was interrupted: leave out --resume")
    if request.bundle != job.digest:
        raise RequestError(f"{job.bundle} is another bundle than the one that was interrupted: leave out --resume")
    return request


@contextmanager
def held(folder: Path, taken: str) -> Iterator[None]:
    """Holds a folder of the cache. Raises RequestError with the text `taken` if another process holds it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_suffix(".lock").open("w")
    except OSError as error:
        raise RequestError(
            f"the cache folder {cache_folder()} can't be written ({one_line(error.strerror)}): set EDGE_EXPORT_CACHE"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RequestError(taken) from error
        yield
