"""Times a bundle on a device, or on this machine, which is one, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edge_export.bench.collect import device_perf
from edge_export.bench.plan import BenchSettings, artifacts_to_time, items_of
from edge_export.bundle.device_runs import locked
from edge_export.bundle.folder import Bundle
from edge_export.bundle.perf import ArtifactPerf, DevicePerf, manifest_sha256, read_perf, with_results, write_perf
from edge_export.bundle.shard import WHOLE, Chosen, Shard, in_shard
from edge_export.devices.device import Device, Report
from edge_export.devices.folder import new_run_id
from edge_export.devices.request import Part, Request
from edge_export.devices.run import Job, results_of
from edge_export.errors import RequestError
from edge_export.pipeline.context import Progress

_INPUTS = "inputs/recorded.safetensors"
_EMULATED_TIMEOUT_S = 7200.0


def bench_on_device(
    bundle: Bundle,
    device: Device,
    settings: BenchSettings,
    progress: Progress,
    *,
    only: Sequence[str] = (),
    shard: Shard = WHOLE,
    resume: bool = False,
    verb: str = "bench",
) -> DevicePerf:
    """Times the artifacts of a bundle that a device can run.

    Args:
        only: Artifacts as `MEMBER` or `MEMBER/ARTIFACT`; empty: all.
        shard: The share of them.
        resume: Whether to go on with a run whose link was lost; its settings then count, not the ones given here.
        verb: What such a run is kept under.

    Raises:
        LinkLost: The device is gone; `resume` goes on.
        RequestError: The recorded inputs are damaged, the device can run nothing of the bundle, or there is nothing to
            resume.
    """
    facts = device.facts()
    if facts.emulated:
        settings = replace(settings, timeout_s=_EMULATED_TIMEOUT_S)
    chosen = in_shard(artifacts_to_time(bundle.manifest, facts.runtimes, only), shard)
    damage = {_key(each): reason for each in chosen if (reason := _damage(bundle, each))}
    whole = [each for each in chosen if _key(each) not in damage]
    damaged = [_failed(each, settings.threads, damage[_key(each)]) for each in chosen if _key(each) in damage]
    if not whole:
        return DevicePerf(device=device.name, facts=facts, artifacts=tuple(damaged))
    job = Job(verb, bundle.root, manifest_sha256(bundle.root), resume)

    def make() -> tuple[Request, Mapping[str, Path]]:
        return _request(bundle, whole, settings, job.digest)

    with results_of(device, job, make, lambda request: _reporter(request, progress)) as (request, results):
        found = device_perf(device.name, request, results.timed(), results.facts)
    for each in found.artifacts:
        progress(each.member, each.artifact, "passed" if each.outcome == "done" else each.outcome)
        progress(each.member, "member", "passed")
    return found.model_copy(update={"artifacts": (*found.artifacts, *damaged)})


def keep_perf(bundle: Bundle, new: DevicePerf) -> None:
    """Adds results to the bundle's perf.json.

    Raises:
        RequestError: perf.json is not valid or of another bundle, or can't be written.
    """
    with locked(bundle.root):
        write_perf(bundle.root, with_results(read_perf(bundle), new))


def _key(chosen: Chosen) -> tuple[str, str]:
    return (chosen[0].name, chosen[1].label)


def _damage(bundle: Bundle, chosen: Chosen) -> str:
    file = chosen[1].file
    try:
        return "it did not compile" if file is None else bundle.why_changed(file) or ""
    except RequestError as error:
        return str(error)


def _failed(chosen: Chosen, threads: int, reason: str) -> ArtifactPerf:
    member, artifact = chosen
    assert artifact.file is not None  # only compiled artifacts are timed
    return ArtifactPerf(
        member=member.name,
        artifact=artifact.label,
        outcome="failed",
        sha256=artifact.file.sha256,
        threads=threads,
        run=new_run_id(),
        reason=reason,
    )


def _request(
    bundle: Bundle, chosen: Sequence[Chosen], settings: BenchSettings, digest: str
) -> tuple[Request, dict[str, Path]]:
    recorded = bundle.manifest.recorded.inputs
    if reason := bundle.why_changed(recorded):
        raise RequestError(f"{bundle.root}: {reason}: build it again")
    inputs = Part(path=_INPUTS, sha256=recorded.sha256, bytes=recorded.bytes)
    items = items_of(chosen, inputs, settings)
    files = {(member.name, artifact.label): artifact.file for member, artifact in chosen}
    sources = {_INPUTS: bundle.path(recorded)}
    for item in items:
        if (file := files[item.member, item.label]) is not None:
            sources[item.artifact.path] = bundle.path(file)
    return Request(schema="1.0", run_id=new_run_id(), bundle=digest, items=items), sources


def _reporter(request: Request, progress: Progress) -> Report:
    items = {item.id: item for item in request.items}

    def report(name: str, state: str) -> None:
        if (item := items.get(name)) is not None:
            progress(item.member, item.label, f"{name.partition('.')[0]} {state}")

    return report
