"""Merges the results of many runs, on many machines, into one bundle.

A run works on a copy of the bundle and leaves its results in the copy's numerics.json and perf.json. What the copy had
from before is in the bundle, too; only what differs from it is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_export.bundle import numerics as numerics_file
from edge_export.bundle import perf as perf_file
from edge_export.bundle.folder import Bundle, read_bundle, write_record
from edge_export.bundle.numerics import ArtifactRun, MemberNumerics, Numerics
from edge_export.bundle.perf import ArtifactPerf, DevicePerf, manifest_sha256, read_perf, with_results
from edge_export.errors import RequestError

_RunKey = tuple[str, str, str, str]


@dataclass(frozen=True)
class Collected:
    """What was merged.

    Attributes:
        runs: The new results of numerics.json, with their members.
        timed: The new results of perf.json, with their devices.
        replaced: How many of both replaced an earlier result.
    """

    runs: tuple[tuple[str, ArtifactRun], ...]
    timed: tuple[tuple[str, ArtifactPerf], ...]
    replaced: int


def collect(into: Path, results: list[Path]) -> Collected:
    """Merges the folders `results` into the bundle `into`. A later folder replaces what an earlier one has, too.

    Args:
        results: Folders with manifest.json, numerics.json and, if something was timed, perf.json.

    Raises:
        RequestError: A folder is no result or is one of another bundle, or two machines have the same device's name.
            Nothing is written then.
    """
    bundle = read_bundle(into)
    before, numerics, perf = read_perf(bundle), _runs(bundle.numerics), read_perf(bundle)
    new_runs: dict[_RunKey, ArtifactRun] = {}
    new_timed: dict[tuple[str, str, str, int], ArtifactPerf] = {}
    replaced = 0
    for folder in results:
        result = _read_result(bundle, folder)
        for key, run in _runs(result.numerics).items():
            if run != _runs(bundle.numerics).get(key):
                replaced += key in numerics
                numerics[key] = new_runs[key] = run
        for device in read_perf(result).devices:
            changed = _changed(device, before.on(device.device))
            if not changed.artifacts:
                continue
            known = perf.on(device.device)
            _check_same_machine(folder, device, known)
            old = set() if known is None else {each.key for each in known.artifacts}
            replaced += sum(each.key in old for each in changed.artifacts)
            new_timed |= {(device.device, *each.key): each for each in changed.artifacts}
            perf = with_results(perf, changed)
    write_record(into / numerics_file.FILE_NAME, _merged(bundle.numerics, numerics))
    if perf.devices:
        write_record(into / perf_file.FILE_NAME, perf)
    return Collected(
        runs=tuple((key[0], run) for key, run in new_runs.items()),
        timed=tuple((key[0], each) for key, each in new_timed.items()),
        replaced=replaced,
    )


def _read_result(bundle: Bundle, folder: Path) -> Bundle:
    """Returns what a run left. Raises RequestError if it is not a run on `bundle`."""
    result = read_bundle(folder)
    ours, theirs = manifest_sha256(bundle.root), manifest_sha256(folder)
    if theirs != ours:
        raise RequestError(
            f"{folder} has results of another bundle (manifest {theirs[:12]}, not {ours[:12]}): "
            f"run verify and bench there on a copy of {bundle.root}"
        )
    artifacts = {(m.name, a.label): a.file for m in bundle.manifest.members for a in m.artifacts}
    unknown = [f"{key[0]}/{key[1]}" for key in _runs(result.numerics) if key[:2] not in artifacts]
    for device in read_perf(result).devices:
        for each in device.artifacts:
            file = artifacts.get((each.member, each.artifact))
            if file is None or file.sha256 != each.sha256:
                unknown.append(f"{each.member}/{each.artifact}")
    if unknown:
        raise RequestError(f"{folder} has results of {unknown[0]}, which is not that of the bundle: run it again")
    return result


def _runs(numerics: Numerics) -> dict[_RunKey, ArtifactRun]:
    return {
        (member.name, run.artifact, run.device, run.runtime): run for member in numerics.members for run in member.runs
    }


def _merged(numerics: Numerics, runs: dict[_RunKey, ArtifactRun]) -> Numerics:
    """Returns `numerics` with all of `runs`: those that it has in their places, then new ones by artifact."""
    members = []
    for member in numerics.members:
        mine = [run for key, run in runs.items() if key[0] == member.name]
        order = list(dict.fromkeys(run.artifact for run in (*member.runs, *mine)))
        mine.sort(key=lambda run: order.index(run.artifact))
        members.append(MemberNumerics(name=member.name, stages=member.stages, runs=tuple(mine)))
    return numerics.model_copy(update={"members": tuple(members)})


def _changed(device: DevicePerf, before: DevicePerf | None) -> DevicePerf:
    old = set() if before is None else {each.model_dump_json() for each in before.artifacts}
    new = tuple(each for each in device.artifacts if each.model_dump_json() not in old)
    return device.model_copy(update={"artifacts": new})


def _check_same_machine(folder: Path, device: DevicePerf, known: DevicePerf | None) -> None:
    if known is None:
        return
    there, here = ((f.model, f.soc, f.arch) for f in (device.facts, known.facts))
    if there != here:
        raise RequestError(
            f"{folder}: {device.device} is a {' '.join(there)}, but in other results a {' '.join(here)}: "
            "give each device a name of its own"
        )
