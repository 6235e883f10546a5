"""The worker task "score": the metric that a mother brought, on the outputs of an artifact.

The metric is the mother's own code. It runs in a worker, as all of that does.
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
    """What to measure.

    Attributes:
        metric: The name of the mother's metric.
        output, held_out: Safetensors files of the first output on the held-out set, and of that set with its targets.
    """

    source: MotherSource
    metric: str
    output: InputPath
    held_out: InputPath


class ScoreAnswer(Message):
    """The metric's value."""

    value: float


def score(request: ScoreRequest) -> ScoreAnswer:
    """Measure.

    Raises:
        RequestError: The mother has another metric, and as `metric_value`.
    """
    from edge_export.pipeline.recordings import metric_of, metric_value

    _, recordings = opened(request.source)
    metric = metric_of(recordings)
    if metric.name != request.metric:
        raise RequestError(f"the mother's metric is {metric.name}, not {request.metric}: give the mother of the bundle")
    output, targets = load_arrays(request.output)[OUTPUT], load_arrays(request.held_out)[TARGETS]
    return ScoreAnswer(value=metric_value(metric, output, targets))


def score_in_worker(
    workers: Workers, source: MotherSource | None, metric: str, held_out: Path | None, log: Path
) -> Score | None:
    """How to measure a metric that the mother brought.

    None for one of ours, or where the mother or the held-out set is not here.
    """
    if metric in METRICS or source is None or held_out is None:
        return None

    def measure(output: Path) -> float:
        request = ScoreRequest(source=source, metric=metric, output=output, held_out=held_out)
        return workers.submit(SCORE, request, kind=KIND, timeout_s=TIMEOUT_S, log=log).result().value

    return measure


SCORE = WorkerTask("score", ScoreRequest, ScoreAnswer, score)
