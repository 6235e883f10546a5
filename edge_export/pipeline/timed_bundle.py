"""Adds the times of calls to candidates, from a bundle of the same mother that was timed on a device."""

from __future__ import annotations

from pathlib import Path

from edge_export.bundle.folder import read_bundle
from edge_export.bundle.manifest import Manifest
from edge_export.bundle.perf import DevicePerf, Perf, read_perf
from edge_export.errors import RequestError
from edge_export.files.hashing import file_sha256
from edge_export.pipeline.context import BuildRequest
from edge_export.search.latency import Times, times_on


def times_of_bundle(request: BuildRequest, root: Path, device: str | None, artifact: str | None) -> Times:
    """Returns the times that `bench` measured on a device, of members of the request's mother.

    Args:
        request: The members have its mother and options.
        root: The bundle.
        device: What `bench --device` named it. None: the only one that was measured.
        artifact: The label of the artifacts whose times count. None: those that were timed for the most members.

    Raises:
        RequestError: The bundle can't be read, is of another mother or other options, or has no such times.
    """
    if not root.exists():
        raise RequestError(f"{root} does not exist, times come from a bundle: give --bundle, or run build and bench")
    bundle = read_bundle(root)
    return times_on(
        _of_same_mother(bundle.manifest, request, root), _measured(read_perf(bundle), root, device), artifact
    )


def _measured(perf: Perf, root: Path, device: str | None) -> DevicePerf:
    names = ", ".join(each.device for each in perf.devices)
    if not perf.devices or (device is not None and perf.on(device) is None):
        on = f"on {device}, only on {names}" if names else f"on any device: run bench {root} --device D"
        raise RequestError(f"{root} was not timed {on}")
    if device is None and len(perf.devices) > 1:
        raise RequestError(f"{root} was timed on several devices: give --device, one of {names}")
    found = perf.devices[0] if device is None else perf.on(device)
    assert found is not None  # checked above
    return found


def _of_same_mother(manifest: Manifest, request: BuildRequest, root: Path) -> Manifest:
    """Returns the manifest with the members that have the request's options. Raises RequestError if there is none."""
    weights = request.mother.weights
    ours = (request.mother.spec, None if weights is None else file_sha256(weights))
    if ours != (manifest.mother.spec, manifest.mother.checkpoint_sha256):
        what = "weights" if ours[0] == manifest.mother.spec else f"mother, {manifest.mother.spec}"
        raise RequestError(f"{root} was built from another {what}: give the --bundle of mother {ours[0]}")
    members = tuple(each for each in manifest.members if each.options == request.target.member)
    if not members:
        raise RequestError(f"the members of {root} have other options than target {request.target.name}: build again")
    return manifest.model_copy(update={"members": members})
