"""One number that was changed in a real file is found by its layer, in every format whose values can be seen."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from edge_export.bisect.files import BISECT_FILE, BisectFileRequest
from edge_export.bisect.values import Bisection
from edge_export.files.arrays import save_arrays
from edge_export.formats import worker_kind
from edge_export.formats.compile_task import COMPILE
from edge_export.mothers.protocol import IOSpec
from edge_export.runtimes.run import CompiledFile
from tests.bisect.changed_files import MIDDLE, changed
from tests.compiled_members import MEMBERS, ask, compile_request, compiled, folder, program, samples


@cache
def onnx_model() -> Path:
    """The classifier as ONNX, as the way to TFLite passes through it."""
    path = folder() / "classifier.onnx"
    exported = torch.export.load(program("classifier"))
    names = {"input_names": ["image"], "output_names": ["logits"]}
    torch.onnx.export(exported, dynamo=True, opset_version=18, verbose=False, **names).save(path)
    return path


def look(
    path: Path, format_name: str, io: IOSpec, snr_db: float, member: str = "classifier", backend: str = ""
) -> Bisection:
    inputs = folder() / f"bisect-{member}.safetensors"
    save_arrays(inputs, samples(member, 4))
    request = BisectFileRequest(
        what=member,
        file=CompiledFile(format=format_name, backend=backend, path=path, io=io, member_io=MEMBERS[member][1]),
        program=program(member),
        samples=inputs,
        snr_db=snr_db,
    )
    return ask(BISECT_FILE, request, worker_kind(format_name, "bisect"))


FILES = [
    ("tflite", "fp32", np.float32, 90),
    ("coreml", "fp32", np.float32, 90),
    ("coreml", "fp16", np.float16, 40),
    ("coreai", "fp32", np.float32, 90),
]


@pytest.mark.parametrize(("format_name", "precision", "dtype", "snr_db"), FILES)
def test_a_changed_weight(format_name, precision, dtype, snr_db, tmp_path):
    path, io = compiled("classifier", format_name, precision)
    found = look(path, format_name, io, snr_db)
    assert not found.diverges
    assert found.worst
    found = look(changed(path, dtype, tmp_path), format_name, io, snr_db)
    (first,) = [row for row in found.rows if row.name == found.first]
    assert found.diverges
    assert first.layer == MIDDLE
    assert first.snr_db < snr_db
    before = found.rows[: found.rows.index(first)]
    assert "agrees" in {row.state for row in before}
    assert "diverges" not in {row.state for row in before}


def test_a_changed_weight_of_the_core_ml_program_inside_an_executorch_one(tmp_path):
    done = ask(COMPILE, compile_request("classifier", "executorch", tmp_path, backend="coreml"), "executorch")
    path = tmp_path / done.file
    assert not look(path, "executorch", done.io, 90, backend="coreml").diverges
    (tmp_path / "changed").mkdir()
    found = look(changed(path, np.float32, tmp_path / "changed"), "executorch", done.io, 90, backend="coreml")
    (first,) = [row for row in found.rows if row.name == found.first]
    assert found.diverges
    assert (first.operator, first.layer) == ("conv", MIDDLE)


def test_a_changed_weight_of_an_onnx_model(tmp_path):
    path, io = onnx_model(), MEMBERS["classifier"][1]
    assert not look(path, "onnx", io, 90).diverges
    model = onnx.load(path)
    (weight,) = [tensor for tensor in model.graph.initializer if tensor.name == f"{MIDDLE}.weight"]
    array = numpy_helper.to_array(weight).copy()
    array[3, 5] += 0.5
    weight.CopyFrom(numpy_helper.from_array(array, weight.name))
    onnx.save(model, tmp_path / "changed.onnx")
    found = look(tmp_path / "changed.onnx", "onnx", io, 90)
    (first,) = [row for row in found.rows if row.name == found.first]
    assert (first.operator, first.layer) == ("Conv", MIDDLE)


def test_the_largest_drop_of_a_file_that_holds(tmp_path):
    """At a tolerance that it keeps, a changed weight is no divergence; it is what adds most to the error."""
    path, io = compiled("classifier", "coreml", "fp16")
    found = look(changed(path, np.float16, tmp_path), "coreml", io, 0.5)
    assert not found.diverges
    (worst,) = [row for row in found.rows if row.name == found.worst]
    assert worst.layer == MIDDLE


def test_quantized_activations_are_the_numbers_they_stand_for(tmp_path):
    """And the names that a small file leaves out are not needed."""
    observed = tmp_path / "observed.safetensors"
    save_arrays(observed, samples("streamer", 64))
    done = ask(COMPILE, compile_request("streamer", "tflite", tmp_path, "int8", observed, scheme="static"), "tflite")
    found = look(tmp_path / done.file, "tflite", done.io, 20, "streamer")
    assert not found.diverges
    fully_connected = [row for row in found.rows if row.operator == "FULLY_CONNECTED"]
    assert fully_connected
    assert all(row.state == "agrees" and row.snr_db < 60 for row in fully_connected)


@pytest.mark.parametrize("format_name", ["tflite", "coreml", "coreai"])
def test_state_and_images_of_equal_sides(format_name):
    """Members with several inputs, with state, and with outputs whose shape tells no layout apart."""
    for member in ("streamer", "segmenter", "planes"):
        path, io = compiled(member, format_name)
        found = look(path, format_name, io, 90, member)
        assert not found.diverges, member
        assert found.rows
