"""Evaluates the configurations of a mother: what each costs, and how well the mother does at it.

Each configuration is one step in a worker, the same as a build's: what a search has evaluated, a build finds in the
cache, and the other way round. A search that was interrupted goes on where it was.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from edge_export.bundle.manifest import FailedMember
from edge_export.errors import RequestError, one_line
from edge_export.files.owned import scratch_folder
from edge_export.pipeline.build import workers_for
from edge_export.pipeline.context import BuildContext, BuildRequest, Progress
from edge_export.pipeline.members import GOLDENS, Family, Prepared, bundle_recorded, open_mother, prepare
from edge_export.pipeline.open_mother import ALL, OpenAnswer
from edge_export.search import Candidate, spread
from edge_export.workers.cluster.pool import ClusterLost

AUTO = "auto:"
MOST = 64


@dataclass(frozen=True)
class Evaluated:
    """Configurations that were evaluated.

    Attributes:
        metric, unit: The task metric.
        candidates: Those that were asked for, then those that a search has found, each in their order.
        errors: The configurations that could not be made or are not proven.
        seconds: How long each member took, by its name. None: it came from the cache.
        listed: How many of the candidates were asked for.
    """

    metric: str
    unit: str
    candidates: tuple[Candidate, ...]
    errors: tuple[FailedMember, ...]
    seconds: dict[str, float | None]
    listed: int


def evaluate(request: BuildRequest, progress: Progress) -> Evaluated:
    """Evaluates `request.members`; None: all of the mother's space. `request.out` is not written.

    Raises:
        RequestError: The mother can't be opened, it has no held-out set, or no configuration can be made.
    """
    request = dataclasses.replace(request, members=request.members or ALL)
    with evaluator(request, progress) as evaluating:
        return evaluating.evaluated()


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


class Evaluator:
    """Evaluates configurations of one mother, each once. Made by `evaluator`."""

    def __init__(self, context: BuildContext, opened: OpenAnswer, family: Family) -> None:
        self.context = context
        self._opened, self._family = opened, family
        self._found: dict[str, Candidate | FailedMember] = {}

    def __call__(self, members: Mapping[str, str]) -> list[Candidate | None]:
        """Evaluates configurations, given as the names of members by text. None: it can't be made.

        Raises:
            RequestError: None of all that were evaluated can be made.
        """
        new = {text: name for text, name in members.items() if name not in self._found}
        for name in new.values():
            self.context.progress(name, "member", "waiting")
        with ThreadPoolExecutor(max_workers=self.context.workers.jobs) as preparers:
            try:
                jobs = {name: preparers.submit(self._evaluate, text, name) for text, name in new.items()}
                self._found |= {name: job.result() for name, job in jobs.items()}
            except BaseException:
                preparers.shutdown(wait=False, cancel_futures=True)
                self.context.workers.close()  # the results that the threads still wait for are not needed any more
                raise
        failed = [each for each in self._found.values() if isinstance(each, FailedMember)]
        if failed and len(failed) == len(self._found):
            raise RequestError(failed[0].reason)
        found = (self._found[name] for name in members.values())
        return [each if isinstance(each, Candidate) else None for each in found]

    def evaluated(self) -> Evaluated:
        """Returns all that was evaluated."""
        listed = set(self._opened.members.values())
        found = [each for each in self._found.values() if isinstance(each, Candidate)]
        return Evaluated(
            metric=self._opened.metric,
            unit=self._opened.unit,
            candidates=tuple(found),
            errors=tuple(each for each in self._found.values() if isinstance(each, FailedMember)),
            seconds={member: taken for (member, _), taken in self.context.seconds.items() if member},
            listed=sum(each.name in listed for each in found),
        )

    def _evaluate(self, text: str, name: str) -> Candidate | FailedMember:
        scratch = self.context.scratch
        staged = scratch / "evaluated" / name
        (staged / GOLDENS).mkdir(parents=True)
        try:
            return _candidate(prepare(self.context, dataclasses.replace(self._family, staged=staged), text, name))
        except RequestError as error:
            self.context.progress(name, "member", f"error: {error}")
            return FailedMember(name=name, config=text, reason=one_line(error, 1000))
        finally:
            for folder in (staged, scratch / name / "member"):  # hundreds of members are too much for a disk
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def evaluator(request: BuildRequest, progress: Progress) -> Iterator[Evaluator]:
    """Gives an evaluator that has evaluated the members of the request.

    Raises:
        RequestError: The mother can't be opened, it has no held-out set, or no configuration can be made.
    """
    with workers_for(request) as workers, scratch_folder() as scratch:
        context = BuildContext(request, scratch, workers, progress, {})
        try:
            opened = open_mother(context)
            if not opened.held_out:
                raise RequestError(f"mother {request.mother.spec} has no held-out set, so that no member is better")
            staged = scratch / "recorded"
            staged.mkdir()
            evaluating = Evaluator(context, opened, bundle_recorded(context, opened, staged))
            evaluating(opened.members)
            yield evaluating
        except ClusterLost as error:
            raise RequestError(str(error)) from error


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
