"""Builds a family: from a request to a bundle."""

from __future__ import annotations

import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge_export.bundle.carry_over import carry_over
from edge_export.bundle.folder import check_output, finish_interrupted, staging, write_records
from edge_export.bundle.manifest import FailedMember, Manifest, MotherEntry
from edge_export.bundle.numerics import MemberNumerics, Numerics
from edge_export.cache.keys import STATED_TOOLS, key_of
from edge_export.errors import RequestError, one_line
from edge_export.files.hashing import file_sha256
from edge_export.files.owned import SCRATCH, remove_abandoned, scratch_folder
from edge_export.formats import FORMATS
from edge_export.formats.installed import require_installed
from edge_export.pipeline.artifacts import make_artifact
from edge_export.pipeline.context import BuildContext, BuildRequest, Progress
from edge_export.pipeline.finished import keep_bundle, take_finished
from edge_export.pipeline.members import Family, Prepared, bundle_recorded, open_mother, prepare
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.open_mother import OpenAnswer
from edge_export.pipeline.size import Made, judge_sizes
from edge_export.runtimes import why_unavailable
from edge_export.workers import EXPORTER, Pool, Workers, cpu_count
from edge_export.workers.cluster.pool import ClusterLost, ClusterPool


@dataclass(frozen=True)
class Built:
    """A finished bundle.

    Attributes:
        seconds: The duration of each step, by (member, step). None: it came from the cache.
        changed: Whether the folder was written. False: it already held the requested bundle.
        notes: How the checkpoint was read, where that is not plain. Empty if the whole bundle came from the cache.
    """

    manifest: Manifest
    numerics: Numerics
    seconds: dict[tuple[str, str], float | None]
    changed: bool = True
    notes: tuple[str, ...] = ()


def build(request: BuildRequest, progress: Progress) -> Built:
    """Builds, verifies and writes the bundle of `request`. Artifacts that fail are recorded and do not raise.

    Raises:
        RequestError: The request cannot be built. Nothing is written then.
    """
    require_installed({(plan.format, plan.backend): None for plan in request.target.artifacts})
    check_output(request.out)
    with workers_for(request) as workers:
        try:
            return _build_with(workers, request, progress)
        except ClusterLost as error:
            raise RequestError(str(error)) from error


def workers_for(request: BuildRequest) -> Workers:
    """Returns the workers of this machine, or of the requested cluster."""
    if request.cluster is not None:
        return ClusterPool(request.cluster, request.jobs)
    return Pool(request.jobs or cpu_count(), shared=EXPORTER)


def _build_with(workers: Workers, request: BuildRequest, progress: Progress) -> Built:
    remove_abandoned(Path(tempfile.gettempdir()), SCRATCH)
    finish_interrupted(request.out)
    key = _bundle_key(request)
    if request.store is not None and key is not None and (found := take_finished(request.store, key, request.out)):
        bundle, changed = found
        return Built(bundle.manifest, bundle.numerics, {}, changed)
    with scratch_folder() as scratch:
        context = BuildContext(request, scratch, workers, progress, {})
        opened = open_mother(context)
        with staging(request.out) as staged:
            recorded = bundle_recorded(context, opened, staged)
            manifest, numerics = _build_members(context, recorded, opened)
            write_records(staged, manifest, numerics)
            finished = not manifest.errors and all(
                run.verdict != "error" for member in numerics.members for run in member.runs
            )
            if request.store is not None and key is not None and finished:
                keep_bundle(request.store, key, staged)
            carry_over(request.out, staged)
    return Built(manifest, numerics, context.seconds, notes=opened.notes)


def _bundle_key(request: BuildRequest) -> str | None:
    """Returns the cache key of the bundle. None: the mother's code is not known, so there is no key."""
    if (identity := request.mother.identity()) is None:
        return None
    runtimes = [runtime for each in FORMATS.values() for runtime in each.every_runtime]
    here = [runtime.name for runtime in runtimes if why_unavailable(runtime) is None]
    parts = {"target": request.target.model_dump(mode="json"), "members": request.members, "runtimes": here}
    return key_of("bundle", parts | {"mother": identity})


def _build_members(context: BuildContext, family: Family, opened: OpenAnswer) -> tuple[Manifest, Numerics]:
    """Prepares the members, and makes the artifacts of each member as soon as it is prepared.

    A member that cannot be made is recorded with its reason, and the others are finished.

    Raises:
        RequestError: No member can be made.
    """
    request, names = context.request, opened.members
    for name in names.values():
        context.progress(name, "member", "waiting")
    with (
        ThreadPoolExecutor(max_workers=context.workers.jobs) as preparers,
        ThreadPoolExecutor(max_workers=2 * context.workers.jobs) as makers,
    ):

        def make_member(text: str, name: str) -> tuple[Prepared, list[Future[Made]]]:
            prepared = prepare(context, family, text, name)
            return prepared, [
                makers.submit(make_artifact, context, prepared, plan) for plan in request.target.artifacts
            ]

        members, numbers, errors = [], [], []
        try:
            # The largest member is usually the last and takes longest. Started first, it does not delay the end.
            pending = {name: preparers.submit(make_member, text, name) for text, name in reversed(names.items())}
            for text, name in names.items():
                try:
                    prepared, jobs = pending.pop(name).result()
                except RequestError as error:
                    context.progress(name, "member", f"error: {error}")
                    errors.append(FailedMember(name=name, config=text, reason=one_line(error, 1000)))
                    continue
                made = judge_sizes([job.result() for job in jobs])
                members.append(prepared.member.model_copy(update={"artifacts": tuple(each for each, _ in made)}))
                runs = tuple(run for _, each in made for run in each)
                numbers.append(MemberNumerics(name=name, stages=prepared.stages, runs=runs))
        except BaseException:
            context.workers.close()  # the results that the threads still wait for are not needed any more
            raise
    if not members:
        count = len(errors) - 1
        others = f"; {'the other member' if count == 1 else f'the {count} other members'} failed, too" if count else ""
        raise RequestError(errors[0].reason + others)
    manifest = Manifest(
        schema="1.0",
        target=request.target.name,
        mother=MotherEntry(
            spec=request.mother.spec, task=opened.task, checkpoint_sha256=_checkpoint_sha256(request.mother)
        ),
        tools=_tools(),
        recorded=family.recorded,
        members=tuple(members),
        errors=tuple(errors),
    )
    return manifest, Numerics(schema="1.0", members=tuple(numbers))


def _tools() -> dict[str, str]:
    """Returns the versions of the tools that are installed. The tools of unused formats may be missing."""
    found = {}
    for tool in STATED_TOOLS:
        with suppress(PackageNotFoundError):
            found[tool] = version(tool)
    return found


def _checkpoint_sha256(mother: MotherSource) -> str | None:
    return None if mother.weights is None else file_sha256(mother.weights)
