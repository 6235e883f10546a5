"""Verdicts: what was measured, against what the target tolerates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from edge_export.bundle.manifest import Artifact, Status
from edge_export.bundle.numerics import ArtifactRun
from edge_export.errors import RequestError, one_line
from edge_export.formats import FORMATS
from edge_export.runtimes import Runtime, Unsupported, why_unavailable
from edge_export.spec.results import Measured, Stage
from edge_export.spec.tolerance import Tolerance, why_not
from edge_export.verify.artifact import why_wrong
from edge_export.verify.suggestions import first_divergence
from edge_export.workers import WorkerError

LOCAL = "local"
_WORST_FIRST: tuple[Status, ...] = ("error", "failed", "unverified", "passed")


def judge_stages(stages: Iterable[Stage], tolerance: Tolerance) -> tuple[Stage, ...]:
    """Each stage with what of it exceeds `tolerance`."""
    return tuple(replace(stage, reason=why_not(stage.agreement, tolerance) or "") for stage in stages)


def run_everywhere(
    artifact: Artifact, exact: Tolerance, measure: Callable[[Runtime], Measured]
) -> tuple[ArtifactRun, ...]:
    """The verdict of each runtime of the artifact's format that is here; whatever goes wrong in one is its verdict.

    A format's first runtime is missed where it is not here; the others are an addition.

    Args:
        exact: The member's tolerance, which holds for what the way to the artifact passes through.
    """
    first, *others = FORMATS[artifact.format].runtimes
    present = [first, *(runtime for runtime in others if why_unavailable(runtime) is None)]
    return tuple(_run_in(runtime, artifact, exact, measure) for runtime in present)


def worst(runs: Iterable[ArtifactRun]) -> ArtifactRun:
    """The run with the worst verdict; the first of several."""
    return min(runs, key=lambda run: _WORST_FIRST.index(run.verdict))


def not_run(artifact: Artifact, verdict: Status, reason: str, runtime: str = "none") -> ArtifactRun:
    """The verdict on an artifact that a runtime has not seen."""
    return ArtifactRun(
        artifact=artifact.label, runtime=runtime, device=LOCAL, verdict=verdict, reason=one_line(reason, 1000)
    )


def _run_in(
    runtime: Runtime, artifact: Artifact, exact: Tolerance, measure: Callable[[Runtime], Measured]
) -> ArtifactRun:
    if reason := why_unavailable(runtime):
        return not_run(artifact, "unverified", reason)
    try:
        measured = measure(runtime)
    except Unsupported as error:
        return not_run(artifact, "unverified", str(error), runtime.name)
    except (WorkerError, RequestError, ValueError, KeyError) as error:
        return not_run(artifact, "failed", f"did not run: {error}", runtime.name)
    stages = judge_stages(measured.stages, exact)
    wrong = first_divergence(stages) or why_wrong(measured, artifact.tolerance, artifact.precision)
    return ArtifactRun(
        artifact=artifact.label,
        runtime=measured.runtime,
        device=LOCAL,
        agreement=measured.agreement,
        metric=measured.metric,
        extremes=measured.extremes,
        repeatable=measured.repeatable,
        stages=stages,
        verdict="failed" if wrong else "passed",
        reason=wrong or "within tolerance of the mother" + (f"; {runtime.proves}" if runtime.proves else ""),
    )
