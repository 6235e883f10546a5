"""The tasks: a literal table. One file per task holds everything that depends on the task."""

from __future__ import annotations

from edge_export.spec.metric import Metric
from edge_export.spec.tensors import IOSpec
from edge_export.tasks import classification, separation
from edge_export.tasks.task import Task

# A mother that does not name its task has the first task that fits.
TASKS: dict[str, Task] = {
    "separation": separation.TASK,
    "classification": classification.TASK,
}

METRICS: dict[str, Metric] = {task.metric.name: task.metric for task in TASKS.values()}
"""The metrics of the tasks, by name."""


def task_for(io: IOSpec, name: str | None = None) -> Task:
    """Returns the task called `name`, or if None the first that fits the io. Raises KeyError for an unknown name."""
    return next(task for task in TASKS.values() if task.fits(io)) if name is None else TASKS[name]
