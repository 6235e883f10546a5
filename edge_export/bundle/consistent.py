"""Checks a bundle that is read for what its records alone do not say."""

from __future__ import annotations

import math
from collections.abc import Iterator

from edge_export.bundle.folder import Bundle
from edge_export.errors import RequestError

MAX_NUMBER = 2.0**63


def require_consistent(bundle: Bundle) -> None:
    """Checks that names are unique and the same in both files, and that numbers are finite and not absurdly large.

    Raises:
        RequestError: They are not.
    """
    manifest = bundle.manifest
    names = [member.name for member in manifest.members]
    files = [(member.name, artifact.label) for member in manifest.members for artifact in member.artifacts]
    if len(set(names)) < len(names) or len(set(files)) < len(files):
        raise RequestError(f"{bundle.root} names a member or an artifact twice: build it again")
    if names != [member.name for member in bundle.numerics.members]:
        raise RequestError(f"{bundle.root}: manifest.json and numerics.json name other members: build it again")
    if not all(number is None or (abs(number) < MAX_NUMBER and math.isfinite(number)) for number in _numbers(bundle)):
        raise RequestError(f"{bundle.root} holds a number that is not finite, or far too large: build it again")


def _numbers(bundle: Bundle) -> Iterator[float | None]:
    yield bundle.manifest.recorded.baseline
    for member in bundle.manifest.members:
        yield from (member.params, member.macs, member.weight_bytes, member.peak_activation_bytes, member.metric)
        yield from (artifact.file.bytes for artifact in member.artifacts if artifact.file)
        yield member.variant.agreement.snr_db if member.variant else None
    for numbers in bundle.numerics.members:
        yield from (stage.agreement.snr_db for stage in numbers.stages)
        for run in numbers.runs:
            yield from (run.metric.artifact, run.metric.mother) if run.metric else ()
            yield from (run.agreement.snr_db, run.agreement.max_abs) if run.agreement else ()
