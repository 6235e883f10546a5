"""Keeps what devices measured when a bundle is built again and comes out the same."""

from __future__ import annotations

from pathlib import Path

from edge_export.bundle import numerics as numerics_file
from edge_export.bundle.device_runs import with_runs
from edge_export.bundle.folder import read_bundle, write_record
from edge_export.bundle.numerics import LOCAL
from edge_export.bundle.perf import manifest_sha256, read_perf, write_perf
from edge_export.errors import RequestError


def carry_over(old: Path, new: Path) -> None:
    """Adds the results of devices in the bundle `old` to the bundle `new`, if their manifests are equal.

    What is damaged in `old` is not carried over.
    """
    try:
        before, after = read_bundle(old), read_bundle(new)
        if manifest_sha256(old) != manifest_sha256(new):
            return
        elsewhere = {
            member.name: tuple(run for run in member.runs if run.device != LOCAL) for member in before.numerics.members
        }
        if any(elsewhere.values()):
            write_record(new / numerics_file.FILE_NAME, with_runs(after.numerics, elsewhere))
        perf = read_perf(before)
    except RequestError:
        return
    if perf.devices:
        write_perf(new, perf)
