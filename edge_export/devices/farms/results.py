"""Takes what a phone of a farm has sent back into a request folder: by names of the request, up to agreed sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edge_export.devices.request import DEVICE, STATUS, Request
from edge_export.devices.results import DEVICE_BYTES, RESULTS, agreed_limits, keep_failure, keep_result
from edge_export.errors import RequestError
from edge_export.files.atomic import write_atomically

RESULT_FOLDER = "edge_export"
"""The folder that a phone's results stand in, in what the farm keeps of a job."""
Read = Callable[[str, int], bytes | None]
"""`(path in the result folder, limit) -> content`, cut after `limit` bytes. None: there is no such file."""


def take_results(read: Read, request: Request, folder: Path) -> None:
    """Brings the facts of a phone and the results of its items into `folder`, which holds the inputs of the request.

    A result that is larger than agreed becomes a failure. `read_results` checks the contents.

    Raises:
        RequestError: The phone did not say what it is, or this machine's disk is full.
    """
    facts = read(DEVICE, DEVICE_BYTES + 1)
    if facts is None:
        raise RequestError(f"there is no {DEVICE}: the runner app did not start")
    if len(facts) > DEVICE_BYTES:
        raise RequestError(f"its {DEVICE} has more than the {DEVICE_BYTES} bytes that were agreed")
    write_atomically(folder / DEVICE, facts)
    agreed = agreed_limits(folder, request)
    for item in request.items:
        limits = agreed[item.id]
        found = {name: read(f"{RESULTS}/{item.id}/{name}", limit + 1) for name, limit in limits.items()}
        contents = {name: content for name, content in found.items() if content is not None}
        large = [name for name, content in contents.items() if len(content) > limits[name]]
        if large:
            reason = f"its {large[0]} has more than the {limits[large[0]]} bytes that were agreed"
            keep_failure(folder, request, item, reason)
        elif STATUS in contents:
            keep_result(folder, item.id, contents)
