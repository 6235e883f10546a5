"""The time of a call on a device: measured where a bundle's perf.json has it, otherwise predicted from the costs.

    ms ≈ a + b · MACs + c · bytes of weights + d · bytes of activations,    a, b, c, d ≥ 0

The coefficients are a least-squares fit without negative ones (scipy's `nnls`) of the relative error, over the members
that were measured. Its error is what leaving one out gives: each measured member is predicted from all others.
A time is the one that `pick` uses: the 90th percentile, of a noisy measurement the largest of its rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from edge_export.bundle.manifest import Manifest, Member
from edge_export.bundle.perf import DevicePerf
from edge_export.bundle.picker import time_of
from edge_export.errors import RequestError
from edge_export.search.candidates import Candidate

FEWEST = 4
"""The fewest measured members that a prediction needs: leaving one out must leave three."""


class Costs(Protocol):
    """What a prediction is made from: a member or a candidate."""

    @property
    def macs(self) -> int: ...
    @property
    def weight_bytes(self) -> int | None: ...
    @property
    def peak_activation_bytes(self) -> int: ...


@dataclass(frozen=True)
class Times:
    """The measured times of one kind of artifact on one device.

    Attributes:
        device: What `--device` names it.
        artifact: The label of the artifacts.
        threads: The threads of the runtime.
        members: The members that were timed, and their times in ms.
    """

    device: str
    artifact: str
    threads: int
    members: tuple[tuple[Member, float], ...]


@dataclass(frozen=True)
class Predicted:
    """The relative errors of predictions, from leaving each measured member out: 0.1 is 10 %."""

    median_error: float
    worst_error: float


def times_on(manifest: Manifest, perf: DevicePerf, artifact: str | None) -> Times:
    """Returns the times of the artifact that was timed for the most members, of several the fastest one.

    Args:
        artifact: Only artifacts with this label count. None: all.

    Raises:
        RequestError: The device is emulated, or there are no times.
    """
    if perf.facts.emulated:
        raise RequestError(f"device {perf.device} is emulated, its times say nothing: give another --device")
    members = {member.name: member for member in manifest.members}
    passed = {
        (each.name, made.label) for each in manifest.members for made in each.artifacts if made.status == "passed"
    }
    found: dict[tuple[str, int], list[tuple[Member, float]]] = {}
    for each in perf.artifacts:
        time = time_of(each)
        if time and (each.member, each.artifact) in passed and artifact in (None, each.artifact):
            found.setdefault((each.artifact, each.threads), []).append((members[each.member], time))
    if not found:
        timed = sorted({each.artifact for each in perf.artifacts if time_of(each)})
        raise RequestError(
            f"no {artifact or 'artifact'} that passed was timed on {perf.device}: "
            + (f"give --artifact, one of {', '.join(timed)}" if artifact and timed else "run bench there first")
        )

    def rank(key: tuple[str, int]) -> tuple[int, float, tuple[str, int]]:
        return -len(found[key]), statistics.median(time for _, time in found[key]), key

    label, threads = min(found, key=rank)
    return Times(perf.device, label, threads, tuple(found[label, threads]))


def with_times(candidates: Sequence[Candidate], times: Times) -> tuple[list[Candidate], Predicted | None]:
    """Returns the candidates with their times, and the error of those that were predicted. None: none was.

    A member of the bundle stands for the candidate of the same name and costs.

    Raises:
        RequestError: A time must be predicted, and fewer than `FEWEST` members were timed.
    """
    known = {(member.name, member.macs, member.params): time for member, time in times.members}
    keys = [(each.name, each.macs, each.params) for each in candidates]
    if all(key in known for key in keys):
        return [replace(each, call_ms=known[key], timed=True) for each, key in zip(candidates, keys, strict=True)], None
    if len(times.members) < FEWEST:
        raise RequestError(
            f"{len(times.members)} of the members were timed on {times.device} as {times.artifact}, and a prediction "
            f"needs {FEWEST}: build with --members auto:5, then run bench --device {times.device}"
        )
    predicted = predict(times.members, candidates)
    timed = [
        replace(each, call_ms=known.get(key, time), timed=key in known)
        for each, key, time in zip(candidates, keys, predicted, strict=True)
    ]
    return timed, left_out(times.members)


def left_out(measured: Sequence[tuple[Costs, float]]) -> Predicted:
    """Returns the errors of the prediction of each measured member from all others."""
    errors = []
    for index, (costs, time) in enumerate(measured):
        others = [*measured[:index], *measured[index + 1 :]]
        (prediction,) = predict(others, [costs])
        errors.append(abs(prediction - time) / time)
    return Predicted(statistics.median(errors), max(errors))


def predict(measured: Iterable[tuple[Costs, float]], wanted: Sequence[Costs]) -> list[float]:
    """Returns the times of `wanted` in ms, from a fit of the measured times, which are above 0."""
    import numpy as np
    from scipy.optimize import nnls

    rows, times = zip(*((_row(costs), time) for costs, time in measured), strict=True)
    scale = np.maximum(np.max(rows, axis=0), 1.0)
    relative = np.array(rows) / scale / np.array(times)[:, None]
    weights, _ = nnls(relative, np.ones(len(times)))
    return [float(np.dot(_row(costs) / scale, weights)) for costs in wanted]


def _row(costs: Costs) -> tuple[float, ...]:
    return (1.0, float(costs.macs), float(costs.weight_bytes or 0), float(costs.peak_activation_bytes))
