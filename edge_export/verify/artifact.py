"""Run one compiled file in its real runtime, in a worker process, and compare it with the mother."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_export.mothers.io_json import io_to_json
from edge_export.runtimes import Unsupported
from edge_export.verify.goldens import TARGETS, load_arrays, save_arrays
from edge_export.verify.metrics import TASK_METRICS, Agreement, Array, agreement
from edge_export.verify.results import Measured, Metric
from edge_export.verify.tolerances import Tolerance, why_metric_not, why_not

if TYPE_CHECKING:
    from edge_export.mothers.protocol import IOSpec
    from edge_export.workers import Pool

RUN_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Reference:
    """What an artifact is compared with.

    Attributes:
        inputs: A safetensors file of the golden inputs, followed by the held-out set's, `(count, …)` each.
        golden: The mother's outputs on the golden inputs, by name.
        targets: The held-out set's targets; None without a held-out set.
        metric: The name of the task metric.
        mother_metric: The mother's own value of it.
    """

    inputs: Path
    golden: dict[str, Array]
    targets: Array | None
    metric: str
    mother_metric: float | None


def join_inputs(path: Path, goldens: dict[str, Array], held_out: dict[str, Array]) -> Path:
    """Write the golden inputs followed by the held-out set's to `path`: one load of an artifact serves both.

    Goldens that are the beginning of the held-out set are not run twice.
    """
    begins = held_out and all(np.array_equal(g, held_out[n][: len(g)]) for n, g in goldens.items() if n in held_out)
    inputs = held_out if begins else {n: np.concatenate([g, held_out.get(n, g[:0])]) for n, g in goldens.items()}
    save_arrays(path, inputs)
    return path


def split_held_out(arrays: dict[str, Array]) -> tuple[dict[str, Array], Array | None]:
    """The inputs and the targets of a held-out file."""
    return {n: a for n, a in arrays.items() if n != TARGETS}, arrays.get(TARGETS)


def measure_artifact(
    pool: Pool,
    *,
    format_name: str,
    path: Path,
    io: IOSpec,
    member_io: IOSpec,
    reference: Reference,
    tolerance: Tolerance,
    workdir: Path,
    log: Path,
) -> Measured:
    """Run the artifact at `path` on the goldens and on the held-out set.

    Args:
        io: The artifact's own names, shapes and layouts; `member_io` are the member's.
        workdir: A folder for the outputs.

    Raises:
        Unsupported: The runtime here does not know all its operators.
        WorkerError: It could not be loaded or run.
    """
    outputs_path = workdir / "outputs.safetensors"
    workdir.mkdir(parents=True, exist_ok=True)
    arguments = {
        "format": format_name,
        "path": str(path.absolute()),
        "io": io_to_json(io),
        "member_io": io_to_json(member_io),
        "inputs": str(reference.inputs.absolute()),
        "outputs": str(outputs_path.absolute()),
        "stream": member_io.stream is not None,
    }
    answer = pool.submit("run", arguments, kind=format_name, timeout_s=RUN_TIMEOUT_S, log=log).result()
    if missing := answer.get("unsupported"):
        raise Unsupported(f"{answer['runtime']} does not know the operators {', '.join(missing)}")
    outputs = load_arrays(outputs_path)
    outputs_path.unlink()
    compared = compare(outputs, reference, member_io)
    reason = why_not(compared, tolerance) or ""
    metric = None
    if reference.targets is not None and reference.mother_metric is not None:
        metric = _measure_metric(outputs[member_io.recorded_outputs[0].name], reference, reference.mother_metric)
        drop = why_metric_not(metric.name, metric.mother, metric.artifact, metric.unit, tolerance)
        reason = reason or drop or ""
    return Measured(answer["runtime"], compared, metric, reason, answer["load_seconds"] + answer["seconds"])


def compare(outputs: dict[str, Array], reference: Reference, io: IOSpec) -> Agreement:
    """The agreement of the worst output with the goldens."""
    each = []
    for index, spec in enumerate(io.recorded_outputs):
        golden = reference.golden[spec.name]
        scores = index == 0 and bool(io.labels)
        each.append(agreement(golden, outputs[spec.name][: len(golden)], scores=scores))
    return min(each, key=lambda a: a.snr_db)


def _measure_metric(output: Array, reference: Reference, mother: float) -> Metric:
    assert reference.targets is not None
    task = TASK_METRICS[reference.metric]
    held_out = output[len(output) - len(reference.targets) :]
    return Metric(reference.metric, task.unit, mother, task.measure(held_out, reference.targets), len(held_out))
