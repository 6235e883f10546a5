"""What `verify` and `bench` share when a bundle's artifacts run on a device."""

from __future__ import annotations

from collections.abc import Callable

from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact
from edge_export.devices.device import Report
from edge_export.devices.request import Item, Request
from edge_export.errors import RequestError
from edge_export.pipeline.context import Progress

EMULATED_TIMEOUT_S = 7200.0
"""The time limit of an item where the processor is emulated."""


def artifact_damage(bundle: Bundle, artifact: Artifact) -> str:
    """Returns why an artifact can't be run. Empty: it can."""
    if artifact.file is None:
        return artifact.reason or "it did not compile"
    try:
        return bundle.why_changed(artifact.file) or ""
    except RequestError as error:
        return str(error)


def reporter(request: Request, progress: Progress, kind_of: Callable[[Item], str]) -> Report:
    """Returns a function that shows what a device says of the request's items.

    Args:
        kind_of: Names what an item is to its artifact, such as "extremes".
    """
    items = {item.id: item for item in request.items}

    def report(name: str, state: str) -> None:
        if (item := items.get(name)) is not None:
            progress(item.member, item.label, f"{kind_of(item)} {state}")

    return report
