"""Merges the results of many runs, on many machines, into one bundle.

A run works on a copy of the bundle and leaves its results in the copy's numerics.json and perf.json. What the copy had
from before is in the bundle, too; only what differs from it is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_export.bundle import numerics as numerics_file
from edge_export.bundle import perf as perf_file
from edge_export.bundle.device_runs import key_of, locked, with_runs
from edge_export.bundle.folder import Bundle, read_bundle, write_record
from edge_export.bundle.numerics import ArtifactRun, Numerics
from edge_export.bundle.perf import ArtifactPerf, DevicePerf, Perf, manifest_sha256, read_perf, with_results
from edge_export.errors import RequestError

Runs = dict[tuple[str, str, str, str], ArtifactRun]
"""By member, and what tells runs of a member apart."""
Times = dict[tuple[str, str, str, int], ArtifactPerf]
"""By device, member, artifact, threads."""


@dataclass(frozen=True)
class Collected:
    """What was merged.

    Attributes:
        runs: The new results of numerics.json, with their members.
        times: The new results of perf.json, with their devices.
        replaced: How many of both replaced an earlier result.
    """

    runs: tuple[tuple[str, ArtifactRun], ...]
    times: tuple[tuple[str, ArtifactPerf], ...]
    replaced: int


def collect(into: Path, results: Sequence[Path]) -> Collected:
    """Merges the folders `results` into the bundle `into`. A later folder replaces what an earlier one has, too.

    Args:
        results: Folders with manifest.json, numerics.json and, if something was timed, perf.json.

    Raises:
        RequestError: A folder is no result or is one of another bundle, or two machines have the same device's name.
            Nothing is written then.
    """
    with locked(read_bundle(into).root):
        bundle = read_bundle(into)
        perf = before = read_perf(bundle)
        old_runs, old_times = _runs(bundle.numerics), _times(before)
        runs: Runs = {}
        times: Times = {}
        replaced = 0
        for folder in results:
            numerics, theirs = _read_result(bundle, folder)
            fresh_runs = {key: run for key, run in _runs(numerics).items() if run != old_runs.get(key)}
            fresh_times = {key: each for key, each in _times(theirs).items() if each != old_times.get(key)}
            replaced += len(fresh_runs.keys() & (old_runs | runs).keys())
            replaced += len(fresh_times.keys() & (old_times | times).keys())
            runs |= fresh_runs
            times |= fresh_times
            for device in theirs.devices:
                changed = tuple(each for key, each in fresh_times.items() if key[0] == device.device)
                if changed:
                    _check_same_machine(folder, device, perf.on(device.device))
                    perf = with_results(perf, device.model_copy(update={"artifacts": changed}))
        by_member = {key[0]: tuple(run for other, run in runs.items() if other[0] == key[0]) for key in runs}
        write_record(into / numerics_file.FILE_NAME, with_runs(bundle.numerics, by_member))
        if perf.devices:
            write_record(into / perf_file.FILE_NAME, perf)
    return Collected(
        runs=tuple((key[0], run) for key, run in runs.items()),
        times=tuple((key[0], each) for key, each in times.items()),
        replaced=replaced,
    )


def _read_result(bundle: Bundle, folder: Path) -> tuple[Numerics, Perf]:
    """Returns what a run left. Raises RequestError if it is not a run on `bundle`."""
    result = read_bundle(folder)
    ours, theirs = manifest_sha256(bundle.root), manifest_sha256(folder)
    if theirs != ours:
        raise RequestError(
            f"{folder} has results of another bundle (manifest {theirs[:12]}, not {ours[:12]}): "
            f"run verify and bench there on a copy of {bundle.root}"
        )
    perf = read_perf(result)
    files = {(m.name, a.label): a.file and a.file.sha256 for m in bundle.manifest.members for a in m.artifacts}
    unknown = [key[:2] for key in _runs(result.numerics) if key[:2] not in files]
    unknown += [key[1:3] for key, each in _times(perf).items() if files.get(key[1:3]) != each.sha256]
    if unknown:
        raise RequestError(f"{folder} has results of {'/'.join(unknown[0])} that are not the bundle's: run it again")
    return result.numerics, perf


def _runs(numerics: Numerics) -> Runs:
    return {(member.name, *key_of(run)): run for member in numerics.members for run in member.runs}


def _times(perf: Perf) -> Times:
    return {(device.device, *each.key): each for device in perf.devices for each in device.artifacts}


def _check_same_machine(folder: Path, device: DevicePerf, known: DevicePerf | None) -> None:
    if known is None:
        return
    there, here = (
        ", ".join(part for part in (facts.model, facts.soc, facts.arch) if part)
        for facts in (device.facts, known.facts)
    )
    if there != here:
        raise RequestError(
            f"{folder}: {device.device} is {there}, but elsewhere {here}: give each device a name of its own"
        )
