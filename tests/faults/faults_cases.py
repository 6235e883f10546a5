"""Every fault that is planted in an artifact is caught, and none takes the verifier with it.

A case is told by its id: the member, the format, the precision, the kind of fault and its seed. The file as it is
changed differs from what the manifest says of it whatever it computes. Then, as if that had been mended, it is verified
like a build's own. What passes there must be harmless: the changed file is run beside the healthy one on other inputs,
real ones and noise, and the two must agree within the same tolerance. What exceeds it there by no more than `SPREAD_DB`
is counted by itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import faults_in_files
import faults_in_io
import numpy as np
from faults_bases import Base, Place, base
from faults_coreai import rehash
from faults_excess import SPREAD_DB, excess_of_file

from edge_export.bundle.numerics import ArtifactRun
from edge_export.runtimes.run import CompiledFile

Made = tuple[str, str, str, str]
"""An artifact: its mother, its configuration, its format and its precision."""
Case = tuple[str, Made, int]
"""A kind of fault, what it is planted in, and its seed."""

FORMATS = ("executorch", "tflite", "coreml")
DIGITS = [
    *(("digits", config, format_name, "fp32") for config in ("0.25", "0.5") for format_name in FORMATS),
    *(("digits", "1.0", format_name, "fp32") for format_name in ("executorch", "tflite")),
    ("digits", "0.25", "coreml", "fp16"),
]
INT8 = [("digits", "0.25", format_name, "int8") for format_name in FORMATS]
SEPARATORS = [("separator", "d1w1", format_name, "fp32") for format_name in FORMATS]
WIDER = [("separator", "d2w2", "executorch", "fp32")]
# Core AI's runtime takes longer than the others here: fewer cases.
AI = [("digits", "0.5", "coreai", "fp32")]
AI8 = [("digits", "0.25", "coreai", "int8")]
AI_SEPARATOR = [("separator", "d1w1", "coreai", "fp32")]
# ExecuTorch programs with Core ML inside: what is their own is the file around the Core ML program.
INSIDE = [("digits", "0.25", "executorch/coreml", "fp32")]
INSIDE_SEPARATOR = [("separator", "d1w1", "executorch/coreml", "fp32")]

# Kinds of fault, with how many seeds for each of which artifacts.
SEEDS: dict[str, list[tuple[list[Made], int]]] = {
    "largest weight 1 %": [(DIGITS, 3), (INT8, 1), (SEPARATORS, 2), (WIDER, 1), (AI, 1), (AI8, 1), (AI_SEPARATOR, 1)],
    "any weight 1 %": [(DIGITS, 1), (SEPARATORS, 1), (AI, 1)],
    "channels swapped": [(DIGITS, 2), (INT8, 2), (SEPARATORS, 2), (WIDER, 1), (AI, 1), (AI8, 1), (AI_SEPARATOR, 1)],
    "bias zeroed": [(DIGITS, 2), (INT8, 1), (SEPARATORS, 1), (WIDER, 1), (AI, 1)],
    "statistics of another": [(DIGITS, 1), (INT8, 1), (SEPARATORS, 1), (AI, 1), (AI_SEPARATOR, 1)],
    "gates of another": [(SEPARATORS, 1), (WIDER, 1), (AI_SEPARATOR, 1)],
    "wrong pad": [(DIGITS, 1), (AI, 1)],
    "states swapped": [(SEPARATORS, 1), (WIDER, 1), (AI_SEPARATOR, 1)],
    "weight not finite": [(DIGITS, 1), (SEPARATORS, 1), (AI, 1)],
    "bias infinite": [(DIGITS, 1), (INT8, 3), (SEPARATORS, 1), (AI, 1), (AI8, 1), (AI_SEPARATOR, 1)],
    "byte flipped": [(DIGITS, 3), (INT8, 3), (SEPARATORS, 3), (AI, 1), (AI8, 1), (AI_SEPARATOR, 1)],
    "structure flipped": [(DIGITS, 3), (INT8, 3), (SEPARATORS, 3), (AI, 2), (AI8, 2), (AI_SEPARATOR, 2)],
    "truncated": [(DIGITS, 2), (INT8, 1), (SEPARATORS, 2), (AI, 1), (AI_SEPARATOR, 1)],
    "file of another": [(DIGITS, 1), (AI, 1)],
    "axes transposed": [(DIGITS, 1), (INT8, 1), (AI, 1)],
    "layout of another": [(DIGITS, 1), (INT8, 1), (AI, 1)],
    "outputs swapped": [(SEPARATORS, 1), (AI_SEPARATOR, 1)],
}
SEEDS_INSIDE: dict[str, list[tuple[list[Made], int]]] = {
    "largest weight 1 %": [(INSIDE, 1), (INSIDE_SEPARATOR, 1)],
    "channels swapped": [(INSIDE, 1), (INSIDE_SEPARATOR, 1)],
    "bias zeroed": [(INSIDE, 1)],
    "statistics of another": [(INSIDE, 1)],
    "gates of another": [(INSIDE_SEPARATOR, 1)],
    "wrong pad": [(INSIDE, 1)],
    "states swapped": [(INSIDE_SEPARATOR, 1)],
    "weight not finite": [(INSIDE, 1)],
    "bias infinite": [(INSIDE, 1), (INSIDE_SEPARATOR, 1)],
    "byte flipped": [(INSIDE, 4), (INSIDE_SEPARATOR, 2)],
    "structure flipped": [(INSIDE, 4), (INSIDE_SEPARATOR, 2)],
    "truncated": [(INSIDE, 2), (INSIDE_SEPARATOR, 1)],
    "axes transposed": [(INSIDE, 1)],
    "outputs swapped": [(INSIDE_SEPARATOR, 1)],
}
CASES = [
    (kind, artifact, seed)
    for kind, groups in [*SEEDS.items(), *SEEDS_INSIDE.items()]
    for artifacts, seeds in groups
    for artifact, seed in itertools.product(artifacts, range(seeds))
]
NEVER_FINITE = ("weight not finite", "bias infinite")


def cases_of(format_name: str) -> list[Case]:
    """The cases of a format, or of a format and backend, those of each artifact together."""
    return sorted((case for case in CASES if case[1][2] == format_name), key=lambda case: case[1])


def case_id(case: Case) -> str:
    kind, artifact, seed = case
    return f"{'-'.join(artifact)}-{kind.replace(' ', '_')}-{seed}"


def judge(case: Case, place: Place, folder: Path) -> tuple[str, list[str]]:
    """Plant a fault, and verify what it was planted in.

    Returns:
        The tally's word for what caught it, and what is wrong with that.
    """
    kind, artifact, seed = case
    healthy = base(place, *artifact)
    changed = planted(kind, healthy, np.random.default_rng([seed, *case_id(case).encode()]), folder)
    run = healthy.verdict(changed)
    excess_db = excess_of_file(healthy, changed) if run.verdict == "passed" else -np.inf
    caught_by = what_caught(run)
    if excess_db > 0:
        caught_by = "at the limit" if excess_db <= SPREAD_DB else "NOT CAUGHT"
    print(f"{run.verdict}: {run.reason}; on other inputs {excess_db:+.1f} dB above the tolerance")
    return caught_by, list(_problems(kind, healthy, changed, run, caught_by))


def planted(kind: str, healthy: Base, rng: np.random.Generator, folder: Path) -> CompiledFile:
    """The healthy file with a fault of this kind."""
    if kind in faults_in_io.FAULTS:
        return healthy.file.model_copy(update={"io": faults_in_io.FAULTS[kind](healthy.file.io)})
    changed = healthy.copy(folder)
    faults_in_files.FAULTS[kind](healthy, changed.path, rng)
    rehash(healthy.file.path, changed.path)
    return changed


def what_caught(run: ArtifactRun) -> str:
    """The tally's word for a verdict."""
    if run.verdict == "passed":
        return "sha256 alone"
    if run.verdict == "unverified":
        return "not run here"
    if run.agreement is not None:
        return "numbers"
    if " in the file" in run.reason or "the file has" in run.reason:
        return "io check"
    return "crash" if "the worker process" in run.reason else "load error"


def _problems(kind: str, healthy: Base, changed: CompiledFile, run: ArtifactRun, caught_by: str) -> Iterable[str]:
    if caught_by == "NOT CAUGHT":
        yield f"a file passed that is far from the healthy one: {run.reason}"
    if kind not in faults_in_io.FAULTS and healthy.why_changed(changed) is None:
        yield "the manifest agrees with the changed file"
    if kind in NEVER_FINITE and run.verdict != "failed":
        yield f"NaN or infinity {run.verdict}"
    if "\n" in run.reason:
        yield f"the reason has more than one line: {run.reason}"
