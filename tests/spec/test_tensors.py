"""An IOSpec survives JSON, and anything else is refused with all problems."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from edge_export.spec.tensors import IO, IOSpec, Stream, TensorSpec, check_io

ADAPTER = TypeAdapter(IO)
SPEC = IOSpec(
    (TensorSpec("audio", (1, 256), unit="samples in -1..1", mean=(0.5,), std=(2.0,)), TensorSpec("state", (1, 40))),
    (TensorSpec("stems", (1, 2, 256), layout="NCT"), TensorSpec("next_state", (1, 40))),
    feedback=(("next_state", "state"),),
    labels=("vocals", "rest"),
    stream=Stream(sample_rate=16000, hop=256, frames_per_call=1, delay=256, stems=("vocals", "rest")),
)


def changed(**paths: Any) -> dict[str, Any]:
    data: dict[str, Any] = copy.deepcopy(ADAPTER.dump_python(SPEC, mode="json"))
    for path, value in paths.items():
        *parents, last = path.split("__")
        place: Any = data
        for key in parents:
            place = place[int(key) if key.isdigit() else key]
        place[last] = value
    return data


def test_it_survives_json() -> None:
    assert ADAPTER.validate_json(ADAPTER.dump_json(SPEC)) == SPEC


def test_empty_statistics_of_images_are_left_out() -> None:
    audio, state = changed()["inputs"]
    assert audio["mean"] == [0.5]
    assert "mean" not in state


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "dictionary|object"),
        ({}, "inputs\n.*Field required"),
        (changed(inputs=[]), "inputs must be 1 to 64 tensors"),
        (changed(extra=1), "extra\n"),
        (changed(inputs__0__extra=1), "extra\n"),
        (changed(inputs__0__name="../evil"), "name must match"),
        (changed(inputs__0__name="state"), "names used twice"),
        (changed(inputs__0__shape=[1, -2]), "positive integers"),
        (changed(inputs__0__shape=[1, True]), "valid integer"),
        (changed(inputs__0__shape=[1, 2.0]), "valid integer"),
        (changed(inputs__0__shape=[65536, 65536]), "2147483648 elements or more"),
        (changed(inputs__0__dtype="object"), "dtype must be one of"),
        (changed(inputs__0__dtype=["float32"]), "valid string"),
        (changed(outputs__0__layout="NCHW"), "one letter per axis"),
        (changed(inputs__0__unit=3), "valid string"),
        (changed(inputs__0__unit="x" * 1000), "unit must be a short string"),
        (changed(inputs__0__mean=["half"]), "valid number"),
        (changed(inputs__0__mean=[float("nan")]), "mean and .std must be as many finite numbers"),
        (changed(inputs__0__std=[0.0]), "std must be positive"),
        (changed(inputs__0__std=[1.0, 1.0]), "mean and .std must be as many finite numbers"),
        (changed(feedback=[["next_state", "nothing"]]), "does not name an output and an input"),
        (changed(feedback=[["stems", "state"]]), "shapes or types differ"),
        (changed(feedback=[["next_state", "state"], ["next_state", "state"]]), "fed back twice"),
        (changed(feedback=[[["next_state"], "state"]]), "valid string"),
        (changed(labels=["a" * 1000]), "labels must be"),
        (changed(stream={"hop": 256}), "stream.sample_rate\n.*Field required"),
        (changed(stream__hop=0), "stream.hop must be a whole number up to"),
        (changed(stream__delay=1e9), "valid integer"),
        (changed(stream__delay=10**9), "stream.delay must be a whole number"),
        (changed(stream__sample_rate=True), "valid integer"),
        (changed(stream__stems=["../vocals"]), "stream.stems must be 1 to 64 names"),
        (changed(stream__stems=["a", "a"]), "stream.stems has a name twice"),
        (changed(inputs=[None]), "dictionary|object"),
    ],
)
def test_what_is_no_io_is_refused(data: Any, message: str) -> None:
    for validate, given in ((ADAPTER.validate_python, data), (ADAPTER.validate_json, json.dumps(data))):
        with pytest.raises(ValidationError, match=message):
            validate(given)


def test_every_problem_is_named_at_once() -> None:
    wrong = IOSpec((TensorSpec("1", (1, 2)),), (TensorSpec("y", (1, 2), "complex64"),), labels=("a" * 1000,))
    with pytest.raises(ValueError, match="io: ") as raised:
        check_io(wrong)
    assert all(part in str(raised.value) for part in ("inputs[0].name", "outputs[0].dtype", "labels"))
    assert "\n" not in str(raised.value)
