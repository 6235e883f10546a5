"""Finds the recorded inputs that a build is proven on: the mother's own, the catalog's, or a folder of the user's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
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
    """Returns recordings whose arrays, lists, dicts and numbers are tuples of tensors in the types of the inputs.

    Batches may be many, and are read only as they are needed if they are right as they are.

    Raises:
        RequestError: A value has no numbers, or others than its input takes.
    """
    batches = recordings.batches
    if isinstance(batches, _array_types()) or not isinstance(batches, Iterable):
        raise _unfit(spec, f"batches is a {type(batches).__name__}: give a list of batches, each a tuple of tensors")
    if isinstance(batches, Iterator):
        batches = list(batches)  # each member reads them again
    first = next(iter(batches), None)
    if first is not None and not _same(first, _columns(spec, io, "a batch", first)):
        batches = [_columns(spec, io, "a batch", batch) for batch in batches]
    held_out = recordings.held_out
    return replace(
        recordings,
        batches=batches,
        goldens=_columns(spec, io, "goldens", recordings.goldens),
        held_out=_columns(spec, io, "held_out", held_out) if len(held_out) else (),
        targets=None if recordings.targets is None else _tensor(spec, "targets", recordings.targets),
    )


def _columns(spec: str, io: IOSpec, what: str, values: Any) -> tuple[Tensor, ...]:
    """Returns one tensor for each input, from a tuple of them, a dict by the inputs' names, or a single one."""
    names = [each.name for each in io.inputs]
    if isinstance(values, Mapping):
        if set(values) != set(names):
            raise _unfit(spec, f"{what} has {', '.join(map(str, values))} for the inputs {', '.join(names)}")
        values = [values[name] for name in names]
    values = (values,) if isinstance(values, _array_types()) else values
    if not isinstance(values, Iterable):
        raise _unfit(spec, f"{what} is a {type(values).__name__}: give a tuple of tensors")
    values = tuple(values)
    if len(values) != len(names):
        raise _unfit(spec, f"{what} has {len(values)} tensors for {len(names)} inputs, {', '.join(names)}")
    return tuple(
        _tensor(spec, f"{what} {each.name}", value, each.dtype) for each, value in zip(io.inputs, values, strict=True)
    )


def _tensor(spec: str, what: str, value: Any, dtype: str = "") -> Tensor:
    """Returns an array of numbers as a tensor on the CPU, in the floating-point type `dtype` if it is one."""
    import torch

    try:
        found = value if isinstance(value, torch.Tensor) else torch.from_numpy(_numbers(value))
    except Exception as error:  # a stranger's value may be anything
        raise _unfit(spec, f"{what} is no array of numbers ({raised(error)})") from error
    if found.is_meta:
        raise _unfit(spec, f"{what} is on the device meta, where there are no values")
    found = (found.detach() if found.requires_grad else found).cpu()
    wanted = getattr(torch, dtype, None)
    if wanted is None or wanted == found.dtype or found.is_complex():
        return found
    if found.is_floating_point() and not wanted.is_floating_point:
        stated = str(found.dtype).removeprefix("torch.")
        raise _unfit(spec, f"{what} is {stated}, its io says {dtype}: correct one of them")
    return found.to(wanted) if wanted.is_floating_point else found


def _numbers(value: Any) -> Array:
    array = np.array(value)
    if array.dtype.kind not in "biufc":
        raise ValueError(f"it holds {type(array.flat[0]).__name__}" if array.size else "it is empty")
    return array


def _same(batch: Any, columns: tuple[Tensor, ...]) -> bool:
    """Returns whether a batch is a tuple of just these tensors."""
    return isinstance(batch, tuple) and all(one is other for one, other in zip(batch, columns, strict=True))


def _array_types() -> tuple[type, ...]:
    """Returns the types of single arrays."""
    import torch

    return (torch.Tensor, np.ndarray)


def _unfit(spec: str, problem: str) -> RequestError:
    return RequestError(f"the recordings of mother {spec} don't fit it: {problem}")


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
    advice = "fix its function"
    if metric.name in METRICS:
        shapes = f"targets have shape {targets.shape}, outputs {results.shape}"
        advice = f"{shapes}; give the targets that {metric.name} takes, or a Metric of your own"
    return _finite(f"metric {metric.name}", advice, metric.measure, results, targets)


def baseline_value(metric: Metric, targets: Array) -> float | None:
    """Returns the metric's value without a network. None: the metric has no baseline. Raises as `metric_value`."""
    return (
        None
        if metric.baseline is None
        else _finite(f"the baseline of metric {metric.name}", "fix its function", metric.baseline, targets)
    )


def _finite(what: str, advice: str, measure: Callable[..., float], *arrays: Array) -> float:
    try:
        value = float(measure(*arrays))
    except Exception as error:
        raise RequestError(f"{what} failed with {raised(error)}: {advice}") from error
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
        raise _unfit(spec, "; ".join(problems))
