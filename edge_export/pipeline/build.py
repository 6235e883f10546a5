"""The way of a family from a request to a bundle."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from edge_export.bundle.folder import check_output, finish_interrupted, staging, write_records
from edge_export.bundle.manifest import Manifest, MotherEntry
from edge_export.bundle.numerics import MemberNumerics, Numerics
from edge_export.cache.keys import TOOLS, key_of
from edge_export.errors import RequestError
from edge_export.files.hashing import file_sha256
from edge_export.files.owned import SCRATCH, remove_abandoned, scratch_folder
from edge_export.pipeline.artifacts import make
from edge_export.pipeline.context import Progress, Request, Site
from edge_export.pipeline.finished import keep_bundle, take_finished
from edge_export.pipeline.members import Family, Prepared, bundle_recorded, open_mother, prepare
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.size import Made, judge_sizes
from edge_export.runtimes import RUNTIMES, why_unavailable
from edge_export.workers import Pool, Workers
from edge_export.workers.cluster.pool import ClusterLost, ClusterPool


@dataclass(frozen=True)
class Built:
    """A finished bundle.

    Attributes:
        seconds: How long each step took at work, by (member, step); None where it came from the cache.
        changed: Whether the folder was written: False when it already was what was asked for.
    """

    manifest: Manifest
    numerics: Numerics
    seconds: dict[tuple[str, str], float | None]
    changed: bool = True


def build(request: Request, progress: Progress) -> Built:
    """Build, verify and write the bundle of `request`; artifacts that fail are recorded, not raised.

    Raises:
        RequestError: The request can't be built at all; nothing is written then.
    """
    check_output(request.out)
    with _workers(request) as pool:
        try:
            return _build_with(pool, request, progress)
        except ClusterLost as error:
            raise RequestError(str(error)) from error


def _workers(request: Request) -> Workers:
    """The workers of this machine, or of the cluster that is asked for."""
    if request.cluster is not None:
        return ClusterPool(request.cluster, request.jobs)
    return Pool(request.jobs or os.cpu_count() or 1)


def _build_with(pool: Workers, request: Request, progress: Progress) -> Built:
    remove_abandoned(Path(tempfile.gettempdir()), SCRATCH)
    finish_interrupted(request.out)
    key = _bundle_key(request)
    if request.store is not None and key is not None and (found := take_finished(request.store, key, request.out)):
        bundle, changed = found
        return Built(bundle.manifest, bundle.numerics, {}, changed)
    with scratch_folder() as scratch:
        site = Site(request, scratch, pool, progress, {})
        opened = open_mother(site)
        with staging(request.out) as staged:
            recorded = bundle_recorded(site, opened, staged)
            manifest, numerics = _build_members(site, recorded, opened["members"])
            write_records(staged, manifest, numerics)
            finished = all(run.verdict != "error" for member in numerics.members for run in member.runs)
            if request.store is not None and key is not None and finished:
                keep_bundle(request.store, key, staged)
    return Built(manifest, numerics, site.seconds)


def _bundle_key(request: Request) -> str | None:
    """The key of the whole bundle; None where that can't be known beforehand."""
    if (identity := request.mother.identity()) is None:
        return None
    here = [runtime.name for each in RUNTIMES.values() for runtime in each if why_unavailable(runtime) is None]
    parts = {"target": request.target.model_dump(mode="json"), "members": request.members, "runtimes": here}
    return key_of("bundle", parts | {"mother": identity})


def _build_members(site: Site, family: Family, names: dict[str, str]) -> tuple[Manifest, Numerics]:
    """Prepare the members, `names` by the text that asks for them, and make their artifacts as soon as they are."""
    request = site.request
    for name in names.values():
        site.progress(name, "member", "waiting")
    with (
        ThreadPoolExecutor(max_workers=site.pool.jobs) as preparers,
        ThreadPoolExecutor(max_workers=2 * site.pool.jobs) as makers,
    ):

        def make_member(text: str, name: str) -> tuple[Prepared, list[Future[Made]]]:
            prepared = prepare(site, family, text, name)
            return prepared, [makers.submit(make, site, prepared, plan) for plan in request.target.artifacts]

        members, numbers = [], []
        try:
            # The largest member tends to stand last and takes longest: begun first, nobody waits for it at the end.
            pending = {name: preparers.submit(make_member, text, name) for text, name in reversed(names.items())}
            for name in names.values():
                prepared, jobs = pending.pop(name).result()
                made = judge_sizes([job.result() for job in jobs])
                members.append(prepared.member.model_copy(update={"artifacts": tuple(each for each, _ in made)}))
                runs = tuple(run for _, each in made for run in each)
                numbers.append(MemberNumerics(name=name, stages=prepared.stages, runs=runs))
        except BaseException:
            site.pool.close()  # nobody needs any more what the threads still wait for
            raise
    manifest = Manifest(
        schema="1.0",
        target=request.target.name,
        mother=MotherEntry(spec=request.mother.spec, checkpoint_sha256=_checkpoint_sha256(request.mother)),
        tools={tool: version(tool) for tool in TOOLS["bundle"]},
        recorded=family.recorded,
        members=tuple(members),
    )
    return manifest, Numerics(schema="1.0", members=tuple(numbers))


def _checkpoint_sha256(mother: MotherSource) -> str | None:
    return None if mother.weights is None else file_sha256(mother.weights)
