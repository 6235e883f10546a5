"""The vectors that all runners share, run through this package and through the Python runner."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from runner_module import events, load_runner, run_runner, status

from edge_export.bundle.manifest import Manifest
from edge_export.devices.request import Request
from edge_export.devices.results import read_results
from edge_export.devices.schemas import SCHEMAS, schema_file
from edge_export.errors import RequestError
from edge_export.files.arrays import load_arrays
from edge_export.runtimes.stream import stream_recording
from edge_export.spec.fields import Record
from edge_export.spec.schema import schema_text
from edge_export.spec.tensors import IOSpec, Stream, TensorSpec

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
runner = load_runner()


def cases(name: str) -> Any:
    found = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return pytest.mark.parametrize("case", found, ids=[case["name"] for case in found])


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_published_schema_is_that_of_the_model(name: str) -> None:
    text = schema_file(name).read_text("utf-8")
    assert text == schema_text(SCHEMAS[name]), "run python -m edge_export.devices.schemas"


def is_valid(record: type[Record], data: Any) -> bool:
    try:
        record.model_validate_json(json.dumps(data))
    except ValidationError:
        return False
    return True


@cases("manifests")
def test_manifests(case: dict[str, Any]) -> None:
    assert is_valid(Manifest, case["record"]) == case["valid"]


@cases("requests")
def test_requests(case: dict[str, Any], tmp_path: Path) -> None:
    assert is_valid(Request, case["record"]) == case["valid"]
    (tmp_path / "request.json").write_text(json.dumps(case["record"]))
    if case["valid"]:
        assert runner.read_request(tmp_path) == case["record"]
    else:
        with pytest.raises(runner.RequestError):
            runner.read_request(tmp_path)


@cases("safetensors")
@pytest.mark.parametrize("reader", ["package", "runner"])
def test_safetensors(case: dict[str, Any], reader: str, tmp_path: Path) -> None:
    path = tmp_path / "arrays.safetensors"
    path.write_bytes(bytes.fromhex(case["hex"]))
    load, refusal = (load_arrays, RequestError) if reader == "package" else (runner.load_arrays, ValueError)
    if case["arrays"] is None:
        with pytest.raises(refusal):
            load(path)
        return
    arrays = load(path)
    assert arrays.keys() == case["arrays"].keys()
    for name, expected in case["arrays"].items():
        assert arrays[name].dtype.name == expected["dtype"]
        assert arrays[name].shape == tuple(expected["shape"])
        assert arrays[name].ravel().tolist() == expected["values"]


@cases("streams")
@pytest.mark.parametrize("loop", ["package", "runner"])
def test_streams(case: dict[str, Any], loop: str) -> None:
    hop, frames, delay = case["hop"], case["frames_per_call"], case["delay"]
    size = hop * frames
    io = IOSpec(
        (TensorSpec("audio", (1, 1, size)), TensorSpec("state", (1, delay))),
        (TensorSpec("stems", (1, 2, 1, size)), TensorSpec("next_state", (1, delay))),
        feedback=(("next_state", "state"),),
        stream=Stream(8000, hop, frames, delay, ("same", "negative")),
    )
    left = iter(case["calls"])

    def recorded_call(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        call = next(left)
        assert {name: array.ravel().tolist() for name, array in inputs.items()} == call["inputs"]
        return {spec.name: np.array(call["outputs"][spec.name], np.float32).reshape(spec.shape) for spec in io.outputs}

    recording = np.array(case["recording"], np.float32).reshape(1, 1, -1)
    if loop == "package":
        stems = stream_recording(recorded_call, io, recording)
    else:
        stems = runner.stream_recordings(recorded_call, as_json(io), recording)["stems"]
    assert list(stems.shape) == case["result"]["shape"]
    assert stems.ravel().tolist() == case["result"]["values"]
    assert next(left, None) is None


def as_json(io: IOSpec) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(IOSpec).dump_python(io, mode="json")


def test_a_request_folder_gives_the_expected_results(tmp_path: Path) -> None:
    folder = tmp_path / "request"
    shutil.copytree(VECTORS / "folder", folder)
    expected = json.loads((folder / "expected.json").read_text())
    done = run_runner(folder)
    assert done.returncode == 0, done.stderr
    finals = {item: outcome for item, outcome in events(done) if outcome != "started"}
    assert finals == expected["outcomes"]
    assert {name: status(folder, name)["outcome"] for name in finals} == expected["outcomes"]
    results = read_results(folder, Request.model_validate_json((folder / "request.json").read_bytes()))
    assert {name: each.status.outcome for name, each in results.items.items()} == expected["outcomes"]
    for item, outputs in expected["outputs"].items():
        found = results.items[item].load_outputs()
        assert found.keys() == outputs.keys()
        for name, array in outputs.items():
            np.testing.assert_allclose(
                found[name].ravel(), array["values"], rtol=expected["tolerance"], atol=expected["tolerance"]
            )
    assert results.items["verify"].status.repeatable is True
    assert results.items["memory"].status.peak_memory_bytes is not None
    samples = results.items["bench"].samples
    assert samples is not None
    assert len(samples.call_ms) >= 5
    assert results.facts.runtimes["tflite"].startswith("LiteRT ")
    assert results.facts.after is not None
    assert "changed on its way" in results.items["content"].status.reason
    assert "picture" in results.items["inputs"].status.reason
