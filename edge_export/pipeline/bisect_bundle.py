"""Bisects the members and artifacts of a bundle."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from edge_export.bisect.artifact import Subject, bisect_artifact
from edge_export.bisect.values import Bisection
from edge_export.bundle.folder import Bundle
from edge_export.bundle.manifest import Artifact, Member
from edge_export.errors import RequestError
from edge_export.files.owned import scratch_folder
from edge_export.formats.compile_task import Options
from edge_export.pipeline.bisect_stages import BISECT_STAGES, BisectStagesRequest
from edge_export.pipeline.context import Progress
from edge_export.pipeline.mother_source import MotherSource, submit_for_mother
from edge_export.runtimes.run import CompiledFile
from edge_export.workers import EXPORTER, Pool

STATES = {True: "failed", False: "passed", None: "unverified"}
Chosen = list[tuple[Member, list[Artifact]]]


def choose(bundle: Bundle, member: str | None, label: str | None) -> Chosen:
    """Returns the requested members with their compiled artifacts. None requests all.

    Raises:
        RequestError: The bundle has no such member or artifact.
    """
    members = bundle.manifest.members
    names = [each.name for each in members]
    labels = list(dict.fromkeys(artifact.label for each in members for artifact in each.artifacts))
    if member not in (None, *names):
        raise RequestError(f"{bundle.root} has no member {member}: give one of {', '.join(names)}")
    if label not in (None, *labels):
        raise RequestError(f"{bundle.root} has no artifact {label}: give one of {', '.join(labels)}")
    chosen = [
        (each, [a for a in each.artifacts if a.file is not None and label in (None, a.label)])
        for each in members
        if member in (None, each.name)
    ]
    if label is not None and not any(artifacts for _, artifacts in chosen):
        whose = member or "any member"
        raise RequestError(f"--artifact {label} did not compile for {whose}: give another, or remove the option")
    return chosen


def bisect_bundle(
    bundle: Bundle, mother: MotherSource, chosen: Chosen, jobs: int, logs: Path, progress: Progress
) -> dict[str, list[Bisection]]:
    """Bisects each stage of the chosen members and each of their artifacts. Returns the results by member name.

    Raises:
        RequestError: The recorded inputs are damaged, or the mother or a member cannot be made.
    """
    if damage := bundle.why_changed(bundle.manifest.recorded.inputs):
        raise RequestError(f"{bundle.root}: {damage}; build it again")
    found: dict[str, list[Bisection]] = {}
    with scratch_folder() as scratch, Pool(jobs, shared=EXPORTER) as pool:
        for member, artifacts in chosen:
            workdir, log = scratch / member.name, logs / f"{member.name}.log"
            workdir.mkdir()
            progress(member.name, "member", "look inside its stages")
            request = _stages_request(bundle, mother, member, artifacts, workdir)
            stages = submit_for_mother(pool, BISECT_STAGES, request, mother, log).stages
            progress(member.name, "member", "failed" if any(each.diverges for each in stages) else "proven")
            found[member.name] = list(stages)
            for artifact in artifacts:
                report = partial(progress, member.name, artifact.label)
                report("look inside")
                inside = bisect_artifact(pool, _subject(bundle, member, artifact), workdir, log, report)
                report(STATES[inside[-1].diverges])
                found[member.name] += inside
    return found


def _stages_request(
    bundle: Bundle, mother: MotherSource, member: Member, artifacts: list[Artifact], workdir: Path
) -> BisectStagesRequest:
    return BisectStagesRequest(
        source=mother,
        config=member.config,
        options=member.options,
        batches=member.calibration_batches or None,
        inputs=bundle.path(bundle.manifest.recorded.inputs),
        tolerance=member.tolerance,
        calibrate=any(artifact.precision == "int8" for artifact in artifacts),
        workdir=workdir,
    )


def _subject(bundle: Bundle, member: Member, artifact: Artifact) -> Subject:
    assert artifact.file is not None
    assert artifact.io is not None
    options: Options = {"backend": artifact.backend}
    if artifact.scheme:
        options["scheme"] = artifact.scheme
    return Subject(
        label=artifact.label,
        file=CompiledFile(
            format=artifact.format,
            backend=artifact.backend,
            path=bundle.path(artifact.file),
            io=artifact.io,
            member_io=member.io,
        ),
        precision=artifact.precision,
        options=options,
        tolerance=artifact.tolerance,
    )
