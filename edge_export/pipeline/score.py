"""The worker task "score": computes a metric that a mother defines, on the outputs of an artifact.

The metric is the mother's own code. Like all code of a mother, it runs in a worker.
"""

from __future__ import annotations

from pathlib import Path

from edge_export.errors import RequestError
from edge_export.files.arrays import load_arrays
from edge_export.pipeline.mother_source import KIND, TIMEOUT_S, MotherSource
from edge_export.pipeline.opened import opened
from edge_export.spec.recorded import TARGETS
from edge_export.tasks import METRICS
from edge_export.verify.artifact import OUTPUT, Score
from edge_export.workers import Workers
from edge_export.workers.task import InputPath, Message, WorkerTask


class ScoreRequest(Message):
    """The request of the worker task "score".

    Attributes:
        source: The mother.
        metric: The name of the mother's metric.
        output: A safetensors file of the first output on the held-out set.
        held_out: A safetensors file of the held-out set with its targets.
    """

    source: MotherSource
    metric: str
    output: InputPath
    held_out: InputPath


class ScoreAnswer(Message):
    """The answer of the worker task "score": the metric's value."""

    value: float


def score(request: ScoreRequest) -> ScoreAnswer:
    """Computes the metric.

    Raises:
        RequestError: The mother has another metric, or the metric fails: see `metric_value`.
    """
    from edge_export.pipeline.recordings import metric_of, metric_value

    recordings = opened(request.source).recordings
    metric = metric_of(recordings)
    if metric.name != request.metric:
        raise RequestError(f"the mother's metric is {metric.name}, not {request.metric}: give the mother of the bundle")
    output, targets = load_arrays(request.output)[OUTPUT], load_arrays(request.held_out)[TARGETS]
    return ScoreAnswer(value=metric_value(metric, output, targets))


def score_in_worker(
    workers: Workers, source: MotherSource | None, metric: str, held_out: Path | None, log: Path
) -> Score | None:
    """Returns a function that computes a metric that the mother defines, in a worker.

    None: it is one of `METRICS`, or there is no mother or no held-out set.
    """
    if metric in METRICS or source is None or held_out is None:
        return None

    def measure(output: Path) -> float:
        request = ScoreRequest(source=source, metric=metric, output=output, held_out=held_out)
        return workers.submit(SCORE, request, kind=KIND, timeout_s=TIMEOUT_S, log=log).result().value

    return measure


SCORE = WorkerTask("score", ScoreRequest, ScoreAnswer, score)
