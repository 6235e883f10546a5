"""An IOSpec survives JSON, and what is no IOSpec is refused with every problem."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from edge_export.mothers.protocol import IOSpec, Stream, TensorSpec
from edge_export.spec.io_json import io_from_json, io_to_json

IO = IOSpec(
    (TensorSpec("audio", (1, 256), unit="samples in -1..1", mean=(0.5,), std=(2.0,)), TensorSpec("state", (1, 40))),
    (TensorSpec("stems", (1, 2, 256), layout="NCT"), TensorSpec("next_state", (1, 40))),
    feedback=(("next_state", "state"),),
    labels=("vocals", "rest"),
    stream=Stream(sample_rate=16000, hop=256, frames_per_call=1, delay=256, stems=("vocals", "rest")),
)


def changed(**paths: Any) -> dict[str, Any]:
    data: dict[str, Any] = copy.deepcopy(io_to_json(IO))
    for path, value in paths.items():
        *parents, last = path.split("__")
        place: Any = data
        for key in parents:
            place = place[int(key) if key.isdigit() else key]
        place[last] = value
    return data


def test_round_trip() -> None:
    assert io_from_json(json.loads(json.dumps(io_to_json(IO)))) == IO


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "must be an object"),
        ({}, "inputs must be a list of 1 to 64 tensors; outputs must be"),
        (changed(extra=1), "unknown keys"),
        (changed(inputs__0__name="../evil"), "name must match"),
        (changed(inputs__0__name="state"), "names used twice"),
        (changed(inputs__0__shape=[1, -2]), "positive integers"),
        (changed(inputs__0__shape=[1, True]), "positive integers"),
        (changed(inputs__0__shape=[1, 2.0]), "positive integers"),
        (changed(inputs__0__shape=[65536, 65536]), "2147483648 elements or more"),
        (changed(inputs__0__dtype="object"), "dtype must be one of"),
        (changed(inputs__0__dtype=["float32"]), "dtype must be one of"),
        (changed(outputs__0__layout="NCHW"), "one letter per axis"),
        (changed(inputs__0__unit=3), "unit must be a short string"),
        (changed(inputs__0__mean=["0.5"]), "mean and .std must be lists"),
        (changed(inputs__0__mean=[float("nan")]), "mean and .std must be lists"),
        (changed(inputs__0__std=[0.0]), "mean and .std must be lists"),
        (changed(inputs__0__std=[1.0, 1.0]), "mean and .std must be lists"),
        (changed(feedback=[["next_state", "nothing"]]), "does not name an output and an input"),
        (changed(feedback=[["stems", "state"]]), "shapes or types differ"),
        (changed(feedback=[["next_state", "state"], ["next_state", "state"]]), "fed back twice"),
        (changed(feedback=[[["next_state"], "state"]]), "feedback must be a list"),
        (changed(labels=["a" * 1000]), "labels must be"),
        (
            changed(stream={"hop": 256}),
            "stream must be an object of sample_rate, hop, frames_per_call, delay and stems",
        ),
        (changed(stream__hop=0), "stream.hop must be a whole number up to"),
        (changed(stream__delay=1e9), "stream.delay must be a whole number"),
        (changed(stream__sample_rate=True), "stream.sample_rate must be a whole number"),
        (changed(stream__stems=["../vocals"]), "stream.stems must be 1 to 64 names"),
        (changed(stream__stems=["a", "a"]), "stream.stems has a name twice"),
        (changed(inputs=[None]), r"inputs\[0\] must be an object"),
    ],
)
def test_what_is_no_io_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        io_from_json(data)
    assert "\n" not in str(raised.value)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(ValueError, match="io: ") as raised:
        io_from_json(changed(inputs__0__name="1", outputs__1__dtype="complex64", labels=3))
    assert all(part in str(raised.value) for part in ("inputs[0].name", "outputs[1].dtype", "labels"))
