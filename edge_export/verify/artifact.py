"""Runs one compiled file in its runtime, in a worker process, and compares the outputs with the mother's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_export.files.arrays import Array, load_arrays, save_arrays
from edge_export.files.hashing import file_sha256
from edge_export.formats import worker_kind
from edge_export.runtimes import Runtime, Unsupported, runtime_of
from edge_export.runtimes.run import RUN, CompiledFile, RunAnswer, RunRequest
from edge_export.spec.agreement import Agreement, agreement, worst_of
from edge_export.spec.arrays import beginning
from edge_export.spec.recorded import TARGETS
from edge_export.spec.results import Extreme, Measured, Stage, TaskMetric
from edge_export.spec.tensors import IOSpec
from edge_export.spec.tolerance import Tolerance, why_extremes_not, why_metric_not, why_not
from edge_export.tasks import METRICS
from edge_export.verify.brief import brief, is_brief
from edge_export.verify.extremes import compare_extremes, peaks_of
from edge_export.verify.suggestions import Problem, problem_of, suggestion_for
from edge_export.workers import Workers

RUN_TIMEOUT_S = 600.0
OUTPUT = "output"
"""The name of the first output in the file that a mother's own metric receives."""
Score = Callable[[Path], float]
"""Returns the value of a mother's own metric, from a safetensors file with the first output on the held-out set."""


@dataclass(frozen=True)
class Reference:
    """The safetensors files that an artifact is compared with.

    Attributes:
        inputs: The golden inputs, followed by the held-out set's inputs, `(count, …)` each.
        golden: The mother's outputs on the golden inputs.
        held_out: The held-out set with its targets. None: there is none.
        metric, unit: The name of the task metric, and the unit of its values.
        mother_metric: The mother's value of the task metric.
        extremes: Extreme inputs that no recording contains, and the mother's outputs on them. None: skip them.
        score: Measures a metric that the mother defines. None: the metric is one of `METRICS`, or the mother is not
            available.
    """

    inputs: Path
    golden: Path
    held_out: Path | None
    metric: str
    unit: str
    mother_metric: float | None
    extremes: tuple[Path, Path] | None
    score: Score | None = None

    def digest(self) -> list[str | float | None]:
        """Returns all values that a measurement against this reference depends on: a part of cache keys."""
        files = [self.inputs, self.golden, self.held_out, *(self.extremes or ())]
        return [self.metric, self.mother_metric, *(None if file is None else file_sha256(file) for file in files)]


def join_inputs(path: Path, goldens: Path, held_out: Path | None) -> Path:
    """Writes the golden inputs, followed by the held-out set's inputs, to `path`, so that both need only one load.

    Goldens that are the beginning of the held-out set are written once.
    """
    first = load_arrays(goldens)
    rest = {} if held_out is None else {n: a for n, a in load_arrays(held_out).items() if n != TARGETS}
    begins = rest and all(np.array_equal(array, rest[name][: len(array)]) for name, array in first.items())
    inputs = rest if begins else {n: np.concatenate([a, rest.get(n, a[:0])]) for n, a in first.items()}
    save_arrays(path, inputs)
    return path


@dataclass(frozen=True)
class Outputs:
    """The outputs of an artifact, wherever it ran.

    Attributes:
        runtime: The name and version of the runtime.
        recorded: Its outputs on `Reference.inputs`.
        extremes: Its outputs on the extreme inputs. Empty: it was not run on them.
        repeatable: Whether a second run on the extremes gave the same bits.
        seconds: The time to load and run it, all runs together.
    """

    runtime: str
    recorded: dict[str, Array]
    extremes: dict[str, Array]
    repeatable: bool
    seconds: float


def measure_artifact(
    workers: Workers,
    file: CompiledFile,
    runtime: Runtime,
    reference: Reference,
    workdir: Path,
    log: Path,
    stages: Mapping[str, Path] | None = None,
    precision: str = "fp32",
) -> Measured:
    """Runs a compiled file here, once on the goldens and on the held-out set, and twice on the extremes.

    Args:
        runtime: A runtime of the file's format.
        workdir: A folder for the outputs.
        stages: The intermediate files of the conversion, by format. They are also run on the goldens.
        precision: The artifact's precision. At some, a runtime may be too slow for all recordings: see `brief.py`.

    Raises:
        Unsupported: The runtime does not support all operators of the file.
        WorkerError: The file could not be loaded or run.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    if is_brief(runtime, file.member_io, precision):
        reference = brief(reference, file.member_io, workdir)
    recorded, answer = _run(workers, file, runtime, reference.inputs, workdir, log, unproven=True)
    seconds, by_documentation = answer.load_seconds + answer.seconds, answer.by_documentation
    extremes: dict[str, Array] = {}
    repeatable = True
    if reference.extremes is not None:
        extremes, answer = _run(workers, file, runtime, reference.extremes[0], workdir, log, repeat=True)
        repeatable = bool(answer.repeatable)
        seconds += answer.load_seconds + answer.seconds
    outputs = Outputs(answer.runtime, recorded, extremes, repeatable, seconds)
    measured = measure_outputs(outputs, reference, file.member_io, workdir)
    golden = load_arrays(reference.golden)
    each = ((name, path) for name, path in (stages or {}).items())
    found = tuple(_stage(workers, file, name, path, reference, golden, workdir, log) for name, path in each)
    return replace(measured, stages=found, by_documentation=by_documentation)


def measure_outputs(outputs: Outputs, reference: Reference, member_io: IOSpec, workdir: Path) -> Measured:
    """Compares the outputs of an artifact with the mother's.

    Args:
        workdir: A folder for a file that a metric of the mother's own receives.
    """
    golden = load_arrays(reference.golden)
    extremes: tuple[Extreme, ...] = ()
    if reference.extremes is not None:
        extremes = tuple(compare_extremes(outputs.extremes, load_arrays(reference.extremes[1]), peaks_of(golden)))
    first = member_io.recorded_outputs[0].name
    return Measured(
        runtime=outputs.runtime,
        agreement=compare(outputs.recorded, golden, member_io),
        metric=_metric(outputs.recorded[first], reference, workdir / "held_out_outputs.safetensors"),
        extremes=extremes,
        repeatable=outputs.repeatable,
        # A mother with -inf by design, as of a mask, has it in the goldens: they are compared place by place.
        finite=all(
            np.isfinite(outputs.recorded[name]).all() for name, array in golden.items() if np.isfinite(array).all()
        ),
        stages=(),
        seconds=outputs.seconds,
    )


def why_wrong(measured: Measured, tolerance: Tolerance, precision: str = "fp32") -> str:
    """Returns the first measurement of an artifact that exceeds `tolerance`, with a suggestion. Empty: none does.

    Its intermediate files, `Measured.stages`, are judged separately.
    """
    agreement, metric = measured.agreement, measured.metric
    drop = None
    if metric is not None:
        drop = why_metric_not(metric.name, metric.mother, metric.artifact, metric.unit, tolerance)
    # The metric may not show this: a score that is not finite counts as wrong, and may have been wrong in the mother.
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
    """Returns the agreement of the outputs with the goldens, over all outputs: see `worst_of`."""
    each = []
    for index, spec in enumerate(io.recorded_outputs):
        expected = golden[spec.name]
        scores = index == 0 and bool(io.labels)
        each.append(agreement(expected, beginning(outputs[spec.name], expected), scores=scores))
    return worst_of(each)


def _run(
    workers: Workers,
    file: CompiledFile,
    runtime: Runtime,
    inputs: Path,
    workdir: Path,
    log: Path,
    *,
    repeat: bool = False,
    unproven: bool = False,
) -> tuple[dict[str, Array], RunAnswer]:
    """Returns the outputs on the samples in `inputs`, and the worker's answer."""
    outputs_path = workdir / f"outputs-{file.format}.safetensors"
    request = RunRequest(
        file=file,
        inputs=inputs,
        outputs=outputs_path,
        runtime=runtime.name,
        stream=file.member_io.stream is not None,
        repeat=repeat,
        unproven=unproven,
    )
    kind = runtime.environment or worker_kind(file.format)
    answer = workers.submit(RUN, request, kind=kind, timeout_s=RUN_TIMEOUT_S, log=log).result()
    if answer.unsupported:
        raise Unsupported(f"{answer.runtime} does not support the operators {', '.join(answer.unsupported)}")
    outputs = load_arrays(outputs_path)
    outputs_path.unlink()
    return outputs, answer


def _stage(
    workers: Workers,
    file: CompiledFile,
    format_name: str,
    path: Path,
    reference: Reference,
    golden: dict[str, Array],
    workdir: Path,
    log: Path,
) -> Stage:
    """Returns the agreement of an intermediate file of the artifact's conversion with the goldens."""
    inputs = workdir / "goldens.safetensors"
    count = len(next(iter(golden.values())))
    save_arrays(inputs, {name: array[:count] for name, array in load_arrays(reference.inputs).items()})
    intermediate = file.model_copy(update={"format": format_name, "path": path})
    outputs, _ = _run(workers, intermediate, runtime_of(format_name), inputs, workdir, log)
    return Stage(format_name, compare(outputs, golden, file.member_io), "")


def _metric(output: Array, reference: Reference, path: Path) -> TaskMetric | None:
    """Returns the task metric on the held-out set, which comes last in `output`. None: it cannot be measured here.

    Args:
        path: A file to write that a metric of the mother's own receives.
    """
    if reference.held_out is None or reference.mother_metric is None:
        return None
    targets = load_arrays(reference.held_out)[TARGETS]
    results = beginning(output[len(output) - len(targets) :], targets)
    if reference.metric in METRICS:
        value = METRICS[reference.metric].measure(results, targets)
    elif reference.score is not None:
        save_arrays(path, {OUTPUT: results})
        value = reference.score(path)
    else:
        return None
    return TaskMetric(reference.metric, reference.unit, reference.mother_metric, value, len(targets))
