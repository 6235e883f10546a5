"""Judges measurements by the target's tolerance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from edge_export.bundle.manifest import Artifact, Status
from edge_export.bundle.numerics import LOCAL, ArtifactRun
from edge_export.errors import RequestError, one_line
from edge_export.formats import FORMATS
from edge_export.formats.reasons import reason_of
from edge_export.runtimes import Runtime, Unsupported, why_unavailable
from edge_export.spec.results import Measured, Stage
from edge_export.spec.tolerance import Tolerance, why_not
from edge_export.verify.artifact import why_wrong
from edge_export.verify.brief import NOTE, is_brief
from edge_export.verify.suggestions import first_divergence
from edge_export.workers import WorkerError

_WORST_FIRST: tuple[Status, ...] = ("error", "failed", "unverified", "passed")


def judge_stages(stages: Iterable[Stage], tolerance: Tolerance) -> tuple[Stage, ...]:
    """Returns each stage with the reason why it exceeds `tolerance`, which is empty if it does not."""
    return tuple(replace(stage, reason=why_not(stage.agreement, tolerance) or "") for stage in stages)


def run_everywhere(
    artifact: Artifact, exact: Tolerance, measure: Callable[[Runtime], Measured]
) -> tuple[ArtifactRun, ...]:
    """Returns one run for each runtime of the artifact's format and backend that is available here.

    An error in a runtime becomes its verdict. If the format's first runtime is not available, its run is unverified.
    The other runtimes are skipped if they are not available.

    Args:
        exact: The member's tolerance, which applies to the intermediate files of the conversion.
        measure: Runs the artifact in a runtime.
    """
    first, *others = FORMATS[artifact.format].runtimes_of(artifact.backend)
    present = [first, *(runtime for runtime in others if why_unavailable(runtime) is None)]
    return tuple(_run_in(runtime, artifact, exact, measure) for runtime in present)


def worst(runs: Iterable[ArtifactRun]) -> ArtifactRun:
    """Returns the run with the worst verdict, the first of several."""
    return min(runs, key=lambda run: _WORST_FIRST.index(run.verdict))


def rank(runs: Iterable[ArtifactRun]) -> int:
    """Returns how good the worst verdict of runs is."""
    return _WORST_FIRST.index(worst(runs).verdict)


def not_run(
    artifact: Artifact, verdict: Status, reason: str, runtime: str = "none", device: str = LOCAL
) -> ArtifactRun:
    """Returns the run of an artifact that was not executed."""
    return ArtifactRun(
        artifact=artifact.label, runtime=runtime, device=device, verdict=verdict, reason=one_line(reason, 1000)
    )


def documented(names: Sequence[str]) -> str:
    """Returns the sentence on operators that were evaluated by their documentation only. Empty: there are none."""
    return f"semantics by documentation only: {', '.join(names)}" if names else ""


def judge_measured(
    artifact: Artifact, measured: Measured, exact: Tolerance, device: str = LOCAL, proves: str = ""
) -> ArtifactRun:
    """Returns the run of an artifact that was executed, with its verdict.

    Args:
        exact: The member's tolerance, which applies to the intermediate files of the conversion.
        device: Where it ran.
        proves: What the run proves, where it does not prove everything.
    """
    stages = judge_stages(measured.stages, exact)
    wrong = first_divergence(stages) or why_wrong(measured, artifact.tolerance, artifact.precision)
    return ArtifactRun(
        artifact=artifact.label,
        runtime=measured.runtime,
        device=device,
        agreement=measured.agreement,
        metric=measured.metric,
        extremes=measured.extremes,
        repeatable=measured.repeatable,
        stages=stages,
        by_documentation=measured.by_documentation,
        verdict="failed" if wrong else "passed",
        reason=wrong
        or "; ".join(
            filter(
                None,
                ["within tolerance of the mother", _left_out(measured), documented(measured.by_documentation), proves],
            )
        ),
    )


def _left_out(measured: Measured) -> str:
    """Returns which extremes have no one right output, so that they were not judged. Empty: none."""
    names = [extreme.name for extreme in measured.extremes if extreme.is_ambiguous]
    if not names:
        return ""
    return f"not judged on {', '.join(names)}: a rounding of its input or weights changes the mother's own output there"


def _run_in(
    runtime: Runtime, artifact: Artifact, exact: Tolerance, measure: Callable[[Runtime], Measured]
) -> ArtifactRun:
    if reason := why_unavailable(runtime):
        return not_run(artifact, "unverified", reason)
    try:
        measured = measure(runtime)
    except Unsupported as error:
        return not_run(artifact, "unverified", str(error), runtime.name)
    except WorkerError as error:
        return not_run(artifact, "failed", f"did not run: {reason_of(error)}", runtime.name)
    except (RequestError, ValueError, KeyError) as error:
        return not_run(artifact, "failed", f"did not run: {error}", runtime.name)
    shortened = artifact.io is not None and is_brief(runtime, artifact.io, artifact.precision)
    proves = "; ".join(filter(None, [NOTE if shortened else "", runtime.proves]))
    return judge_measured(artifact, measured, exact, proves=proves)
