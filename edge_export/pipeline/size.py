"""Judges the size of a member's files, relative to its float32 files, by the target's limits."""

from __future__ import annotations

from collections.abc import Sequence

from edge_export.bundle.manifest import Artifact
from edge_export.bundle.numerics import ArtifactRun
from edge_export.spec.tolerance import why_size_not
from edge_export.verify.verdict import worst

Made = tuple[Artifact, tuple[ArtifactRun, ...]]
"""An artifact, and one run for each runtime."""


def judge_sizes(made: Sequence[Made]) -> list[Made]:
    """Returns a member's artifacts with their `size_ratio`. One that is too large has failed in every runtime."""
    float32 = {(a.format, a.backend): a.file.bytes for a, _ in made if a.precision == "fp32" and a.file is not None}
    judged = []
    for artifact, runs in made:
        whole = float32.get((artifact.format, artifact.backend))
        if whole and artifact.file is not None:
            artifact = artifact.model_copy(update={"size_ratio": artifact.file.bytes / whole})
        runs = judge_size(artifact, runs)
        bad = worst(runs)
        judged.append((artifact.model_copy(update={"status": bad.verdict, "reason": bad.reason}), runs))
    return judged


def judge_size(artifact: Artifact, runs: tuple[ArtifactRun, ...]) -> tuple[ArtifactRun, ...]:
    """Returns the runs of an artifact whose `size_ratio` is known. If it is too large, none of them has passed."""
    excess = why_size_not(artifact.size_ratio, artifact.tolerance)
    if excess is None:
        return runs
    reason = (
        f"{excess}: its notes in the manifest list what stayed float; "
        f"if that is right, raise max_size_ratio in [tolerances.{artifact.format}.{artifact.precision}]"
    )
    return tuple(
        run.model_copy(update={"verdict": "failed", "reason": reason})
        if run.verdict in ("passed", "unverified")
        else run
        for run in runs
    )
