"""What a phone of a farm is asked: to prove a bundle, and to time it, in one request."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from edge_export.bench.plan import BenchSettings, artifacts_to_time, items_of
from edge_export.bundle.folder import Bundle
from edge_export.bundle.perf import manifest_sha256
from edge_export.cache import cache_folder
from edge_export.devices.folder import describe_part, new_run_id, read_request, write_folder
from edge_export.devices.request import Item, Request
from edge_export.errors import RequestError
from edge_export.files.owned import scratch_folder
from edge_export.pipeline.on_device import artifact_damage
from edge_export.pipeline.proof import TIMEOUT_S, make_exam, verify_items
from edge_export.pipeline.prove import checked_recordings

_TIMED = "inputs/timed.safetensors"


@dataclass(frozen=True)
class Asked:
    """A request that is or was given to a farm, in a folder of the cache that is kept until its results are merged."""

    request: Request
    folder: Path


def ask_farm(bundle: Bundle, formats: Collection[str], settings: BenchSettings) -> Asked:
    """Writes the request folder for the artifacts of `formats`. They are proven first, then timed.

    Args:
        settings: How they are timed. No rounds: not at all.

    Raises:
        RequestError: The recorded inputs are damaged, or the bundle has nothing of these formats.
    """
    chosen = artifacts_to_time(bundle.manifest, formats)
    with scratch_folder() as work:
        exam = make_exam(bundle, formats, checked_recordings(bundle), work)
        items, sources = verify_items(exam, TIMEOUT_S)
        if settings.rounds:
            recorded = bundle.path(bundle.manifest.recorded.inputs)
            sources[_TIMED] = recorded
            whole = [each for each in chosen if not artifact_damage(bundle, each[1])]
            items += items_of(whole, describe_part(_TIMED, recorded), settings)
        request = Request(schema="1.0", run_id=new_run_id(), bundle=manifest_sha256(bundle.root), items=tuple(items))
        folder = folder_of(request.run_id)
        write_folder(folder, request, sources)
    return Asked(request, folder)


def asked_before(bundle: Bundle, run_id: str) -> Asked:
    """Returns the request of a run. Raises RequestError if it is not on this machine, or of another bundle."""
    request = read_request(folder_of(run_id))
    if request is None:
        raise RequestError(
            f"the request of run {run_id} is not in {cache_folder()}: it was started elsewhere, or is merged"
        )
    if request.bundle != manifest_sha256(bundle.root):
        raise RequestError(f"{bundle.root} is another bundle than the one that the run was started with")
    return Asked(request, folder_of(run_id))


def folder_of(run_id: str) -> Path:
    """Returns the folder of the cache for a request."""
    return cache_folder() / "devices" / f"farm-{run_id}"


def of_modes(request: Request, *modes: str) -> Request:
    """Returns the part of a request that has these modes."""
    items: tuple[Item, ...] = tuple(item for item in request.items if item.mode in modes)
    return request.model_copy(update={"items": items})
