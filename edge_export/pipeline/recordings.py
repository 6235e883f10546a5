"""Finds the recorded inputs that a build is proven on: the mother's own, the catalog's, or a folder of the user's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_export.errors import RequestError, one_line, raised
from edge_export.files.arrays import Array
from edge_export.mothers.catalog import CATALOG
from edge_export.mothers.protocol import Recordings
from edge_export.spec.lazy import resolve
from edge_export.spec.metric import Metric
from edge_export.spec.recorded import fits
from edge_export.tasks import METRICS, TASKS, task_for
from edge_export.tasks.task import Task

if TYPE_CHECKING:
    from torch import Tensor

    from edge_export.mothers.protocol import Mother
    from edge_export.spec.tensors import IOSpec

CALIBRATION_BATCH = 32
_METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,40}")


def recordings_of(spec: str, mother: Mother, goldens: Path | None) -> Recordings:
    """Returns the recorded data to build `mother` with: `goldens`, otherwise its own, otherwise the catalog's.

    Raises:
        RequestError: There is none, or it does not fit the mother's inputs.
    """
    if goldens is not None:
        return read_folder(goldens, mother.io, task_of(spec, mother))
    source = getattr(mother, "recordings", None)
    if source is None and spec in CATALOG and (shipped := CATALOG[spec].recordings):
        source = resolve(shipped)
    if source is None:
        raise RequestError(f"mother {spec} has no recorded inputs: give a folder of them as --goldens")
    made = source()
    if not isinstance(made, Recordings):
        raise RequestError(f"mother {spec}: its recordings() returned a {type(made).__name__}: return Recordings")
    recordings = _as_tensors(spec, mother.io, made)
    _check(spec, mother.io, recordings)
    return recordings


def _as_tensors(spec: str, io: IOSpec, recordings: Recordings) -> Recordings:
    """Returns recordings whose arrays, lists and numbers are tensors, in the floating-point types of the inputs.

    Raises:
        RequestError: A value has no numbers.
    """
    import torch

    def columns(what: str, values: Any) -> tuple[Tensor, ...]:
        values = (values,) if isinstance(values, torch.Tensor | np.ndarray) else tuple(values)
        dtypes = [each.dtype for each in io.inputs] if len(values) == len(io.inputs) else [""] * len(values)
        return tuple(tensor(what, value, dtype) for value, dtype in zip(values, dtypes, strict=True))

    def tensor(what: str, value: Any, dtype: str = "") -> Tensor:
        try:
            found = value if isinstance(value, torch.Tensor) else torch.from_numpy(np.array(value))
        except Exception as error:  # a stranger's value may be anything
            raise RequestError(
                f"the recordings of mother {spec} don't fit it: {what} is no array of numbers ({raised(error)})"
            ) from error
        wanted = getattr(torch, dtype, None)
        both = wanted is not None and wanted.is_floating_point and found.is_floating_point()
        return found.to(wanted) if both else found

    first = next(iter(recordings.batches), ())
    usual = isinstance(first, tuple) and all(isinstance(each, torch.Tensor) for each in first)

    return replace(
        recordings,
        # Batches may be many, and read only as they are needed.
        batches=recordings.batches if usual else [columns("a batch", batch) for batch in recordings.batches],
        goldens=columns("goldens", recordings.goldens),
        held_out=columns("held_out", recordings.held_out) if len(recordings.held_out) else (),
        targets=None if recordings.targets is None else tensor("targets", recordings.targets),
    )


def task_of(spec: str, mother: Mother) -> Task:
    """Returns the mother's task: the one that it names, otherwise the one that its inputs and outputs fit.

    Raises:
        RequestError: It names an unknown task, or one that its inputs and outputs do not fit.
    """
    name = getattr(mother, "task", None)
    if name is not None and name not in TASKS:
        raise RequestError(f"mother {spec}: its task {name!r} is none of {', '.join(TASKS)}: name one, or none")
    task = task_for(mother.io, name)
    if not task.fits(mother.io):
        stream = "have no stream" if mother.io.stream is None else "have a stream"
        raise RequestError(
            f"mother {spec}: its task is {name}, but its inputs and outputs {stream}: change one of them"
        )
    return task


def metric_of(recordings: Recordings) -> Metric:
    """Returns the metric of the recordings: the mother's own, or the one of `METRICS` that they name."""
    return recordings.metric if isinstance(recordings.metric, Metric) else METRICS[recordings.metric]


def metric_value(metric: Metric, results: Array, targets: Array) -> float:
    """Returns the value of a metric, which may be a user's own code.

    Raises:
        RequestError: The metric raises, or does not return a finite number.
    """
    return _finite(f"metric {metric.name}", metric.measure, results, targets)


def baseline_value(metric: Metric, targets: Array) -> float | None:
    """Returns the metric's value without a network. None: the metric has no baseline. Raises as `metric_value`."""
    return (
        None if metric.baseline is None else _finite(f"the baseline of metric {metric.name}", metric.baseline, targets)
    )


def _finite(what: str, measure: Callable[..., float], *arrays: Array) -> float:
    try:
        value = float(measure(*arrays))
    except Exception as error:
        raise RequestError(f"{what} failed with {raised(error)}: fix its function") from error
    if not math.isfinite(value):
        raise RequestError(f"{what} is {value}: its function must return a finite number")
    return value


def read_folder(folder: Path, io: IOSpec, task: Task) -> Recordings:
    """Returns the recorded inputs from the files in `folder` that the task reads, in the order of their names.

    Calibration averages over the same recordings.

    Raises:
        RequestError: The folder holds none, or a file that cannot be read or does not fit the inputs.
    """
    import torch

    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise RequestError(f"--goldens {folder} can't be read ({one_line(error.strerror)}): give a folder") from error
    recordings = task.read_files(files, io)
    if recordings is None:
        raise RequestError(
            f"--goldens {folder} holds no files for {task.name}: give a folder of .safetensors or other recorded inputs"
        )
    inputs = tuple(torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*recordings, strict=True))
    batches = list(zip(*(t.split(CALIBRATION_BATCH) for t in inputs), strict=True))
    goldens = tuple(t[: task.max_goldens] for t in inputs)
    return Recordings(batches=batches, goldens=goldens, metric=task.metric.name)


def _metric_problems(metric: object) -> Iterator[str]:
    if isinstance(metric, Metric):
        if not _METRIC_NAME.fullmatch(metric.name) or metric.name in METRICS:
            yield f"metric {metric.name!r} needs a name of letters, digits and underscores, not {', '.join(METRICS)}"
        if not callable(metric.measure):
            yield f"metric {metric.name}: its measure is not a function"
    elif metric not in METRICS:
        yield f"metric {metric!r} is none of {', '.join(METRICS)}, and not a Metric"


def _check(spec: str, io: IOSpec, recordings: Recordings) -> None:
    """Raises RequestError, which names every problem, if the recordings do not fit the mother."""
    import torch

    problems: list[str] = []
    problems += _metric_problems(recordings.metric)
    classes = io.outputs[0].shape[-1] if io.outputs and io.outputs[0].shape else 1
    if io.labels and len(io.labels) != classes:
        problems.append(f"its io has {len(io.labels)} labels for {classes} scores of {io.outputs[0].name}")
    for what, tensors in (("goldens", recordings.goldens), ("held_out", recordings.held_out)):
        if what == "held_out" and recordings.targets is None:
            continue
        if len(tensors) != len(io.inputs):
            problems.append(f"{what} has {len(tensors)} tensors for {len(io.inputs)} inputs")
            continue
        for tensor, expected in zip(tensors, io.inputs, strict=True):
            if not fits(tensor.shape, expected, io.stream is not None):
                shape = tuple(tensor.shape)
                problems.append(f"{what} {expected.name} has shape {shape}, not {expected.recorded_shape}")
            elif tensor.is_floating_point() and not torch.isfinite(tensor).all():
                problems.append(f"{what} {expected.name} holds NaN or infinite values")
    if (
        recordings.targets is not None
        and recordings.held_out
        and len(recordings.targets) != len(recordings.held_out[0])
    ):
        problems.append(f"{len(recordings.targets)} targets for {len(recordings.held_out[0])} held-out samples")
    if problems:
        raise RequestError(f"the recordings of mother {spec} don't fit it: {'; '.join(problems)}")
