"""Evaluates the configurations of a mother: what each costs, and how well the mother does at it.

Each configuration is one step in a worker, the same as a build's: what a search has evaluated, a build finds in the
cache, and the other way round. A search that was interrupted goes on where it was.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from edge_export.bundle.manifest import FailedMember
from edge_export.errors import RequestError, one_line
from edge_export.files.owned import scratch_folder
from edge_export.pipeline.build import workers_for
from edge_export.pipeline.context import BuildContext, BuildRequest, Progress
from edge_export.pipeline.members import Prepared, bundle_recorded, open_mother, prepare
from edge_export.pipeline.open_mother import ALL
from edge_export.search import Candidate, spread
from edge_export.workers import Workers
from edge_export.workers.cluster.pool import ClusterLost

AUTO = "auto:"
MOST = 64


@dataclass(frozen=True)
class Evaluated:
    """All configurations of a request.

    Attributes:
        metric, unit: The task metric.
        candidates: In the order of the request.
        errors: The configurations that could not be made or are not proven.
        seconds: How long each member took, by its name. None: it came from the cache.
    """

    metric: str
    unit: str
    candidates: tuple[Candidate, ...]
    errors: tuple[FailedMember, ...]
    seconds: dict[str, float | None]


def evaluate(request: BuildRequest, progress: Progress) -> Evaluated:
    """Evaluates `request.members`; None: all of the mother's space. `request.out` is not written.

    Raises:
        RequestError: The mother can't be opened, it has no held-out set, or no configuration can be made.
    """
    request = dataclasses.replace(request, members=request.members or ALL)
    with workers_for(request) as workers:
        try:
            return _evaluate_with(workers, request, progress)
        except ClusterLost as error:
            raise RequestError(str(error)) from error


def is_auto(request: BuildRequest) -> bool:
    """Returns whether the request leaves the choice of members to `choose_members`."""
    return (request.members or "").startswith(AUTO)


def choose_members(request: BuildRequest, progress: Progress) -> BuildRequest:
    """Returns the request with configurations in the place of "auto:N": N of the Pareto front, see `search.spread`.

    Raises:
        RequestError: N is not a number from 2 to `MOST`, or `evaluate` fails.
    """
    text = request.members or ""
    number = text.removeprefix(AUTO)
    if not number.isdecimal() or not 2 <= int(number) <= MOST:
        raise RequestError(f"--members {one_line(text, 60)}: give auto:2 to auto:{MOST}")
    found = evaluate(dataclasses.replace(request, members=None), progress)
    chosen = spread(found.candidates, int(number))
    return dataclasses.replace(request, members=",".join(candidate.config for candidate in chosen))


def _evaluate_with(workers: Workers, request: BuildRequest, progress: Progress) -> Evaluated:
    candidates, errors = [], []
    with scratch_folder() as scratch:
        context = BuildContext(request, scratch, workers, progress, {})
        opened = open_mother(context)
        if not opened.held_out:
            raise RequestError(f"mother {request.mother.spec} has no held-out set, so that no member is better")
        staged = scratch / "recorded"
        staged.mkdir()
        family = bundle_recorded(context, opened, staged)
        for name in opened.members.values():
            progress(name, "member", "waiting")
        with ThreadPoolExecutor(max_workers=workers.jobs) as preparers:
            try:
                jobs = {
                    text: preparers.submit(prepare, context, family, text, name)
                    for text, name in opened.members.items()
                }
                for text, name in opened.members.items():
                    try:
                        candidates.append(_candidate(jobs[text].result()))
                    except RequestError as error:
                        progress(name, "member", f"error: {error}")
                        errors.append(FailedMember(name=name, config=text, reason=one_line(error, 1000)))
            except BaseException:
                preparers.shutdown(wait=False, cancel_futures=True)
                workers.close()  # the results that the threads still wait for are not needed any more
                raise
    if not candidates:
        raise RequestError(errors[0].reason)
    seconds = {member: taken for (member, _), taken in context.seconds.items() if member}
    return Evaluated(opened.metric, opened.unit, tuple(candidates), tuple(errors), seconds)


def _candidate(prepared: Prepared) -> Candidate:
    """Returns what is known of a member. Raises RequestError if it is not what the mother computes."""
    member = prepared.member
    if prepared.reason:
        raise RequestError(prepared.reason)
    assert member.metric is not None  # there is a held-out set
    assert member.weight_bytes is not None  # every new member has it
    return Candidate(
        name=member.name,
        config=member.config,
        metric=member.metric,
        macs=member.macs,
        params=member.params,
        weight_bytes=member.weight_bytes,
        peak_activation_bytes=member.peak_activation_bytes,
        macs_per_second=member.macs_per_second,
    )
