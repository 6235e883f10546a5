"""The tasks: a literal table. Each is one file here, which holds all that depends on it."""

from __future__ import annotations

from edge_export.spec.metric import Metric
from edge_export.spec.tensors import IOSpec
from edge_export.tasks import classification, separation
from edge_export.tasks.task import Task

# The first that fits is the task of a mother that does not name hers.
TASKS: dict[str, Task] = {
    "separation": separation.TASK,
    "classification": classification.TASK,
}

METRICS: dict[str, Metric] = {task.metric.name: task.metric for task in TASKS.values()}
"""The metrics that come with the tasks, by name."""


def task_for(io: IOSpec, name: str | None = None) -> Task:
    """The task called `name`, or else the first that fits the inputs and outputs; KeyError when there is none."""
    return next(task for task in TASKS.values() if task.fits(io)) if name is None else TASKS[name]
