"""From the results of a request to a device's part of `perf.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge_export.bench.latency import Sampled, latency_of
from edge_export.bundle.perf import ArtifactPerf, DevicePerf, Outcome
from edge_export.devices.request import Item, ItemStatus, Request
from edge_export.spec.device import DeviceFacts, Samples

Found = Mapping[str, tuple[ItemStatus, Samples | None]]
"""By the item's id: its status, and its samples if it was timed."""


def device_perf(device: str, request: Request, found: Found, facts: DeviceFacts) -> DevicePerf:
    """Returns the results of a bench.

    An artifact that failed in one round has no latency: the rounds that are left may be the lucky ones.

    Args:
        device: What `--device` names it.
        request: What was asked for.
        found: The results that came back. Items without one were not run.
    """
    grouped: dict[tuple[str, str, int], list[Item]] = {}
    for item in request.items:
        grouped.setdefault((item.member, item.label, item.threads), []).append(item)
    artifacts = [_artifact(items, request.run_id, found) for items in grouped.values()]
    return DevicePerf(device=device, facts=facts, artifacts=tuple(sorted(artifacts, key=lambda each: each.key)))


def _artifact(items: Sequence[Item], run_id: str, found: Found) -> ArtifactPerf:
    first = items[0]
    rounds: list[Sampled] = []
    problems: list[tuple[Outcome, str]] = []
    memory, runtime = None, ""
    for item in items:
        status, samples = found.get(item.id, (None, None))
        if status is None:
            problems.append(("failed", "it was not run: run bench again with --resume"))
            continue
        runtime = runtime or status.runtime
        if status.outcome != "done":
            problems.append((status.outcome, status.reason or "the runner gave no reason"))
        elif item.mode == "memory":
            memory = status.peak_memory_bytes
        elif samples is None:
            problems.append(("failed", "the runner sent no samples: update it"))
        else:
            rounds.append((samples, status.before, status.after))
    outcome, reason = problems[0] if problems else ("done", "")
    complete = len(rounds) == sum(item.mode == "bench" for item in items) > 0
    return ArtifactPerf(
        member=first.member,
        artifact=first.label,
        outcome=outcome,
        sha256=first.artifact.sha256,
        runtime=runtime,
        threads=first.threads,
        run=run_id,
        latency=latency_of(rounds, first.member_io) if complete else None,
        peak_memory_bytes=memory,
        reason=reason,
    )
