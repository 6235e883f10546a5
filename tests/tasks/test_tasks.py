"""The task of a mother, and the functions of each task."""

from __future__ import annotations

import numpy as np
import pytest

from edge_export.errors import RequestError
from edge_export.mothers.catalog import build_untrained
from edge_export.mothers.protocol import IOSpec, Stream, TensorSpec
from edge_export.pipeline.recordings import task_of
from edge_export.tasks import METRICS, TASKS, task_for
from edge_export.tasks.extremes import KINDS
from tests import strangers

IMAGE = IOSpec((TensorSpec("image", (1, 3, 8, 8), layout="NCHW"),), (TensorSpec("scores", (1, 4)),))
STREAM = Stream(16000, 256, 1, 256, ("vocals", "rest"))
SOUND = IOSpec((TensorSpec("audio", (1, 1, 16000)),), (TensorSpec("stems", (1, 2, 1, 16000)),), stream=STREAM)


def test_what_streams_is_for_separation_and_all_else_for_classification() -> None:
    assert task_for(SOUND).name == "separation"
    assert task_for(IMAGE).name == "classification"
    assert task_for(strangers.Mother.io).name == "classification"


def test_a_mother_may_name_her_task() -> None:
    assert task_for(IMAGE, "classification") is TASKS["classification"]
    assert task_of("digits", build_untrained("digits")) is TASKS["classification"]
    assert task_of("separator", build_untrained("separator")) is TASKS["separation"]
    assert task_of("stranger", strangers.SaysClassification()) is TASKS["classification"]


@pytest.mark.parametrize(
    ("mother", "message"),
    [
        (strangers.SaysDivination, "mother x: its task 'divination' is none of separation, classification"),
        (strangers.SaysSeparation, "mother x: its task is separation, but its inputs and outputs have no stream"),
    ],
)
def test_a_task_that_she_can_t_be_for_is_refused(mother: type, message: str) -> None:
    with pytest.raises(RequestError, match=message) as raised:
        task_of("x", mother())
    assert "\n" not in str(raised.value)


def test_the_tables_agree_with_themselves() -> None:
    assert {name: task.name for name, task in TASKS.items()} == {name: name for name in TASKS}
    assert {name: metric.name for name, metric in METRICS.items()} == {name: name for name in METRICS}
    assert {metric.unit for metric in METRICS.values()} == {"points", "dB"}


@pytest.mark.parametrize(("io", "low", "high"), [(IMAGE, 0.25, 0.75), (SOUND, -1.0, 1.0)])
def test_extremes_are_one_sample_of_each_kind(io: IOSpec, low: float, high: float) -> None:
    """Extreme samples are in the range of the goldens, or of sound."""
    (spec,) = io.inputs
    golden = np.linspace(0.25, 0.75, 2 * np.prod(spec.shape), dtype=np.float32).reshape(2, *spec.shape[1:])
    extremes = task_for(io).extremes(io, {spec.name: golden})[spec.name]
    samples = extremes.shape[-1]
    assert len(extremes) == len(KINDS)
    assert extremes.dtype == np.float32
    assert np.array_equal(extremes[0], golden[0][..., :samples])
    assert not extremes[1].any()
    assert (extremes[2].min(), extremes[2].max()) == (np.float32(low), np.float32(high))
    magnitudes = extremes[3].view(np.uint32) & 0x7FFFFFFF  # some libraries make the processor flush them to zero
    assert 0 < magnitudes.min() <= magnitudes.max() < 0x800000
    assert np.isfinite(extremes).all()
    assert samples == (8000 if io.stream else 8)
