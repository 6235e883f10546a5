"""A made-up task: regression from a row of numbers to a number."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_export.files.arrays import Array
from edge_export.spec.metric import Metric
from edge_export.spec.tensors import IOSpec
from edge_export.tasks.extremes import extreme_samples
from edge_export.tasks.task import Prediction, PredictionRequest, RunMember, Task


def r2(results: Array, targets: Array) -> float:
    """Returns the explained share of the targets' variance, in per cent."""
    return float(100 * (1 - np.square(results - targets).sum() / np.square(targets - targets.mean()).sum()))


def read_rows(path: Path) -> Array:
    """Reads `(count, columns)` from a file of comma-separated numbers."""
    with path.open(newline="") as stream:
        return np.array([[float(cell) for cell in row] for row in csv.reader(stream)], np.float32)


def read_files(files: Sequence[Path], io: IOSpec) -> list[list[Array]] | None:
    """Reads every `.csv` file."""
    return [[read_rows(path)] for path in files if path.suffix == ".csv"] or None


def extremes(io: IOSpec, goldens: dict[str, Array]) -> dict[str, Array]:
    """Returns extreme samples in the range of the goldens."""
    return {name: extreme_samples(array[0], array.min(), array.max()) for name, array in goldens.items()}


def predict(request: PredictionRequest, run: RunMember) -> Prediction:
    """Predicts a number for each row."""
    ran = run({request.io.inputs[0].name: read_rows(request.source)}, timeout_s=60)
    values = ran.outputs[request.io.outputs[0].name][:, 0].tolist()
    return Prediction(tuple(f"{value:.3f}" for value in values), {**request.about, "values": values})


TASK = Task(
    name="regression",
    description="a number for each row",
    metric=Metric("r2", "points", r2),
    fits=lambda io: io.stream is None,
    read_files=read_files,
    max_goldens=64,
    extremes=extremes,
    write_goldens=lambda *_: [],
    predict=predict,
)
