"""Run one compiled file in its real runtime, in a worker process, and compare it with the mother."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_export.files.arrays import Array, load_arrays, save_arrays
from edge_export.files.hashing import file_sha256
from edge_export.runtimes import Runtime, Unsupported
from edge_export.spec.agreement import TASK_METRICS, Agreement, agreement, worst_of
from edge_export.spec.io_json import io_to_json
from edge_export.spec.recorded import TARGETS
from edge_export.spec.results import Extreme, Measured, Metric, Stage
from edge_export.spec.tolerance import Tolerance, why_extremes_not, why_metric_not, why_not
from edge_export.verify.extremes import compare_extremes, peaks_of
from edge_export.verify.suggestions import Problem, problem_of, suggestion_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_export.spec.tensors import IOSpec
    from edge_export.workers import Workers

RUN_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Reference:
    """What an artifact is compared with: safetensors files.

    Attributes:
        inputs: The golden inputs, followed by the held-out set's, `(count, …)` each.
        golden: The mother's outputs on the golden inputs.
        held_out: The held-out set with its targets; None without one.
        metric: The name of the task metric.
        mother_metric: The mother's own value of it.
        extremes: Inputs that no recording holds, and the mother's outputs on them; None to leave them out.
    """

    inputs: Path
    golden: Path
    held_out: Path | None
    metric: str
    mother_metric: float | None
    extremes: tuple[Path, Path] | None

    def digest(self) -> list[str | float | None]:
        """All that a measurement against it depends on."""
        files = [self.inputs, self.golden, self.held_out, *(self.extremes or ())]
        return [self.metric, self.mother_metric, *(None if file is None else file_sha256(file) for file in files)]


@dataclass(frozen=True)
class File:
    """A compiled file: its format, where it lies, its own io, and the member's."""

    format: str
    path: Path
    io: IOSpec
    member_io: IOSpec


def join_inputs(path: Path, goldens: Path, held_out: Path | None) -> Path:
    """Write the golden inputs followed by the held-out set's to `path`: one load of an artifact serves both.

    Goldens that are the beginning of the held-out set are not run twice.
    """
    first = load_arrays(goldens)
    rest = {} if held_out is None else {n: a for n, a in load_arrays(held_out).items() if n != TARGETS}
    begins = rest and all(np.array_equal(array, rest[name][: len(array)]) for name, array in first.items())
    inputs = rest if begins else {n: np.concatenate([a, rest.get(n, a[:0])]) for n, a in first.items()}
    save_arrays(path, inputs)
    return path


def measure_artifact(
    pool: Workers,
    file: File,
    runtime: Runtime,
    reference: Reference,
    workdir: Path,
    log: Path,
    stages: Mapping[str, Path] | None = None,
) -> Measured:
    """Run a compiled file on the goldens, on the held-out set and twice on extremes.

    Args:
        runtime: One of its format's.
        workdir: A folder for the outputs.
        stages: What the way to the file passed through, by format: run on the goldens too.

    Raises:
        Unsupported: The runtime here does not know all its operators.
        WorkerError: It could not be loaded or run.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    golden = load_arrays(reference.golden)
    outputs, answer = _run(pool, file, runtime, reference.inputs, workdir, log)
    seconds = answer["load_seconds"] + answer["seconds"]
    extremes: tuple[Extreme, ...] = ()
    repeatable = True
    if reference.extremes is not None:
        inputs, wanted = reference.extremes
        again, answer = _run(pool, file, runtime, inputs, workdir, log, repeat=True)
        extremes = tuple(compare_extremes(again, load_arrays(wanted), peaks_of(golden)))
        repeatable = answer["repeatable"]
        seconds += answer["load_seconds"] + answer["seconds"]
    return Measured(
        runtime=answer["runtime"],
        agreement=compare(outputs, golden, file.member_io),
        metric=_metric(outputs[file.member_io.recorded_outputs[0].name], reference),
        extremes=extremes,
        repeatable=repeatable,
        finite=all(np.isfinite(array).all() for array in outputs.values()),
        stages=tuple(_stage(pool, file, *stage, reference, golden, workdir, log) for stage in (stages or {}).items()),
        seconds=seconds,
    )


def why_wrong(measured: Measured, tolerance: Tolerance, precision: str = "fp32") -> str:
    """What about an artifact exceeds `tolerance`, and what to do about it; empty when nothing does.

    What it passed through is judged by itself: see `Measured.stages`.
    """
    agreement, metric = measured.agreement, measured.metric
    drop = None
    if metric is not None:
        drop = why_metric_not(metric.name, metric.mother, metric.artifact, metric.unit, tolerance)
    # A metric may not see it: a score that is not finite counts as wrong, and may have been wrong before.
    held_out = "" if measured.finite else "on the held-out set, the result holds NaN or infinite values"
    again = "" if measured.repeatable else f"{measured.runtime} gives other bits when it runs the same input again"
    problems: list[tuple[Problem, str | None]] = [
        (problem_of(agreement), why_not(agreement, tolerance)),
        ("not finite", held_out),
        ("metric", drop),
        ("extremes", why_extremes_not(measured.extremes, tolerance)),
        ("unrepeatable", again),
    ]
    found = ((problem, reason) for problem, reason in problems if reason)
    return next((f"{reason}; {suggestion_for('', precision, problem)}" for problem, reason in found), "")


def compare(outputs: dict[str, Array], golden: dict[str, Array], io: IOSpec) -> Agreement:
    """How the outputs agree with the goldens: see `worst_of`."""
    each = []
    for index, spec in enumerate(io.recorded_outputs):
        wanted = golden[spec.name]
        scores = index == 0 and bool(io.labels)
        each.append(agreement(wanted, outputs[spec.name][: len(wanted)], scores=scores))
    return worst_of(each)


def _run(
    pool: Workers, file: File, runtime: Runtime, inputs: Path, workdir: Path, log: Path, *, repeat: bool = False
) -> tuple[dict[str, Array], dict[str, Any]]:
    """The outputs on the samples in `inputs`, and the worker's answer."""
    outputs_path = workdir / f"outputs-{file.format}.safetensors"
    arguments = {
        "format": file.format,
        "runtime": runtime.name,
        "path": str(file.path.absolute()),
        "io": io_to_json(file.io),
        "member_io": io_to_json(file.member_io),
        "inputs": str(inputs.absolute()),
        "outputs": str(outputs_path.absolute()),
        "stream": file.member_io.stream is not None,
        "repeat": repeat,
    }
    kind = runtime.environment or file.format
    answer = pool.submit("run", arguments, kind=kind, timeout_s=RUN_TIMEOUT_S, log=log).result()
    if missing := answer.get("unsupported"):
        raise Unsupported(f"{answer['runtime']} does not know the operators {', '.join(missing)}")
    outputs = load_arrays(outputs_path)
    outputs_path.unlink()
    return outputs, answer


def _stage(
    pool: Workers,
    file: File,
    format_name: str,
    path: Path,
    reference: Reference,
    golden: dict[str, Array],
    workdir: Path,
    log: Path,
) -> Stage:
    """How a file on the way to the artifact agrees with the goldens."""
    from edge_export.runtimes import runtime_of

    inputs = workdir / "goldens.safetensors"
    count = len(next(iter(golden.values())))
    save_arrays(inputs, {name: array[:count] for name, array in load_arrays(reference.inputs).items()})
    on_the_way = File(format_name, path, file.io, file.member_io)
    outputs, _ = _run(pool, on_the_way, runtime_of(format_name), inputs, workdir, log)
    return Stage(format_name, compare(outputs, golden, file.member_io), "")


def _metric(output: Array, reference: Reference) -> Metric | None:
    """The task metric on the held-out set, which comes last in `output`."""
    if reference.held_out is None or reference.mother_metric is None:
        return None
    task = TASK_METRICS[reference.metric]
    targets = load_arrays(reference.held_out)[TARGETS]
    value = task.measure(output[len(output) - len(targets) :], targets)
    return Metric(reference.metric, task.unit, reference.mother_metric, value, len(targets))
