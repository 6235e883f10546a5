"""Find the recorded inputs that a build is proven on: the mother's own, the catalog's, or a folder of the user's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import Array
from edge_export.mothers.catalog import CATALOG
from edge_export.mothers.protocol import Recordings
from edge_export.spec.lazy import resolve
from edge_export.spec.metric import Metric
from edge_export.spec.recorded import fits
from edge_export.tasks import METRICS, TASKS, task_for
from edge_export.tasks.task import Task

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Mother
    from edge_export.spec.tensors import IOSpec

CALIBRATION_BATCH = 32
_METRIC_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,40}")


def recordings_of(spec: str, mother: Mother, goldens: Path | None) -> Recordings:
    """The recorded data to build `mother` with: `goldens` before its own before the catalog's.

    Raises:
        RequestError: There is none, or it does not fit the mother's inputs.
    """
    if goldens is not None:
        return read_folder(goldens, mother.io, task_of(spec, mother))
    source = getattr(mother, "recordings", None)
    if source is None and spec in CATALOG and (shipped := CATALOG[spec].recordings):
        source = resolve(shipped)
    if source is None:
        raise RequestError(f"mother {spec} brings no recorded inputs: give a folder of them as --goldens")
    recordings: Recordings = source()
    _check(spec, mother.io, recordings)
    return recordings


def task_of(spec: str, mother: Mother) -> Task:
    """What the mother is for: the task that it names, or else the one that its inputs and outputs fit.

    Raises:
        RequestError: It names a task that is not known, or that its inputs and outputs don't fit.
    """
    name = getattr(mother, "task", None)
    if name is not None and name not in TASKS:
        raise RequestError(f"mother {spec}: its task {name!r} is none of {', '.join(TASKS)}: leave it out, or give one")
    task = task_for(mother.io, name)
    if not task.fits(mother.io):
        stream = "have no stream" if mother.io.stream is None else "have a stream"
        raise RequestError(f"mother {spec}: its task is {name}, but its inputs and outputs {stream}: mend one of them")
    return task


def metric_of(recordings: Recordings) -> Metric:
    """The metric of the recordings: the mother's own, or one of ours by its name."""
    return recordings.metric if isinstance(recordings.metric, Metric) else METRICS[recordings.metric]


def metric_value(metric: Metric, results: Array, targets: Array) -> float:
    """The value of a metric, which may be a stranger's code.

    Raises:
        RequestError: It raises, or gives something else than a finite number.
    """
    return _finite(f"metric {metric.name}", metric.measure, results, targets)


def baseline_value(metric: Metric, targets: Array) -> float | None:
    """The value of doing nothing; None where that means nothing. Raises as `metric_value`."""
    return (
        None if metric.baseline is None else _finite(f"the baseline of metric {metric.name}", metric.baseline, targets)
    )


def _finite(what: str, measure: Callable[..., float], *arrays: Array) -> float:
    try:
        value = float(measure(*arrays))
    except Exception as error:
        raise RequestError(
            f"{what} failed with {type(error).__name__}: {one_line(error, 200)}: mend its function"
        ) from error
    if not math.isfinite(value):
        raise RequestError(f"{what} is {value}: let its function give a finite number")
    return value


def read_folder(folder: Path, io: IOSpec, task: Task) -> Recordings:
    """Recorded inputs from the files in `folder` that the task reads, in the order of their names.

    Calibration averages over the same recordings.

    Raises:
        RequestError: The folder holds none, or a file that can't be read or does not fit the inputs.
    """
    import torch

    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise RequestError(f"--goldens {folder} can't be read ({one_line(error.strerror)}): give a folder") from error
    recordings = task.read_files(files, io)
    if recordings is None:
        raise RequestError(
            f"--goldens {folder} holds no .safetensors files, nor others that a mother for {task.name} could take"
        )
    inputs = tuple(torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*recordings, strict=True))
    batches = list(zip(*(t.split(CALIBRATION_BATCH) for t in inputs), strict=True))
    goldens = tuple(t[: task.max_goldens] for t in inputs)
    return Recordings(batches=batches, goldens=goldens, metric=task.metric.name)


def _metric_problems(metric: object) -> Iterator[str]:
    if isinstance(metric, Metric):
        if not _METRIC_NAME.fullmatch(metric.name) or metric.name in METRICS:
            yield f"metric {metric.name!r} must be called by letters, digits and underscores, and not like one of ours"
        if not callable(metric.measure):
            yield f"metric {metric.name}: its measure is no function"
    elif metric not in METRICS:
        yield f"metric {metric!r} is none of {', '.join(METRICS)}, and no Metric"


def _check(spec: str, io: IOSpec, recordings: Recordings) -> None:
    """A stranger's recordings must fit his own mother."""
    import torch

    problems: list[str] = []
    problems += _metric_problems(recordings.metric)
    for what, tensors in (("goldens", recordings.goldens), ("held_out", recordings.held_out)):
        if what == "held_out" and recordings.targets is None:
            continue
        if len(tensors) != len(io.inputs):
            problems.append(f"{what} has {len(tensors)} tensors for {len(io.inputs)} inputs")
            continue
        for tensor, wanted in zip(tensors, io.inputs, strict=True):
            if not fits(tensor.shape, wanted, io.stream is not None):
                shape = tuple(tensor.shape)
                problems.append(f"{what} {wanted.name} has shape {shape}, not {('count', *wanted.shape[1:])}")
            elif tensor.is_floating_point() and not torch.isfinite(tensor).all():
                problems.append(f"{what} {wanted.name} holds NaN or infinite values")
    if (
        recordings.targets is not None
        and recordings.held_out
        and len(recordings.targets) != len(recordings.held_out[0])
    ):
        problems.append(f"{len(recordings.targets)} targets for {len(recordings.held_out[0])} held-out samples")
    if problems:
        raise RequestError(f"the recordings of mother {spec} don't fit it: {'; '.join(problems)}")
