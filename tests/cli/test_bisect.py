"""`bisect` on a real bundle, whole and with one weight changed in each of its files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

LAYER, NODE = "features.3.body.0", "conv2d_5"  # a 1 x 1 convolution: the same bytes in every format


@pytest.fixture(scope="module")
def changed_bundle(small_bundle, tmp_path_factory) -> Path:
    """The bundle with another weight in the middle of its .tflite and .pte files."""
    from ai_edge_litert.interpreter import Interpreter

    copy = tmp_path_factory.mktemp("changed") / "bundle"
    shutil.copytree(small_bundle, copy)
    files = {file.suffix: file for file in (copy / "members" / "w0.25").iterdir()}
    interpreter = Interpreter(str(files[".tflite"]))
    interpreter.allocate_tensors()
    (index,) = [t["index"] for t in interpreter.get_tensor_details() if t["name"] == f"node_{NODE}_conv_filter"]
    weight = interpreter.get_tensor(index)
    other = weight.copy()
    other.reshape(-1)[37] += np.float32(0.5)
    for suffix in (".tflite", ".pte"):
        data = files[suffix].read_bytes()
        assert data.count(weight.tobytes()) == 1
        files[suffix].write_bytes(data.replace(weight.tobytes(), other.tobytes()))
    return copy


def found_in(result: dict) -> dict[str, dict]:
    (member,) = result["members"]
    return {each["what"]: each for each in member["bisections"]}


def test_a_whole_bundle_agrees(edge_export, small_bundle):
    done = edge_export("bisect", small_bundle, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    found = found_in(result)
    assert result["passed"]
    assert list(found)[:2] == ["extracted", "calibrated"]
    assert {"executorch-xnnpack-fp32", "tflite-builtin-fp32"} < found.keys()
    assert not any(each["diverges"] or each["first"] for each in found.values())


def test_a_changed_weight_is_named_in_both_files(edge_export, changed_bundle):
    done = edge_export("bisect", changed_bundle, "--json")
    assert done.returncode == 1, done.stderr
    found = found_in(json.loads(done.stdout))
    assert [name for name, each in found.items() if each["diverges"]] == [
        "executorch-xnnpack-fp32",
        "tflite-builtin-fp32",
    ]
    pte, tflite = found["executorch-xnnpack-fp32"], found["tflite-builtin-fp32"]
    assert pte["first"] == f"{LAYER}.weight"
    (first,) = [row for row in tflite["rows"] if row["name"] == tflite["first"]]
    assert (first["operator"], first["source"], first["layer"]) == ("CONV_2D", NODE, LAYER)
    assert first["snr_db"] < 40
    assert all("the file was changed" in each["note"] for each in (pte, tflite))


def test_one_artifact_as_a_table(edge_export, changed_bundle):
    chosen = ("--member", "w0.25", "--artifact", "tflite-builtin-fp32")
    done = edge_export("bisect", changed_bundle, *chosen)
    assert done.returncode == 1
    assert "tflite-builtin-fp32: diverges, first at CONV_2D" in done.stdout
    assert f"(from {NODE}, layer {LAYER})" in done.stdout
    assert "executorch" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--member", "w9"), "no member w9: give one of w0.25"),
        (("--artifact", "onnx"), "no artifact onnx: give one of "),
    ],
)
def test_wrong_requests(edge_export, small_bundle, arguments, says):
    done = edge_export("bisect", small_bundle, *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_cut_short_is_not_seen(edge_export, small_bundle, tmp_path):
    copy = tmp_path / "bundle"
    shutil.copytree(small_bundle, copy)
    (path,) = (copy / "members" / "w0.25").glob("*.tflite")
    path.write_bytes(path.read_bytes()[:2000])
    done = edge_export("bisect", copy, "--artifact", "tflite-builtin-fp32")
    assert done.returncode == 1
    assert "tflite-builtin-fp32: not examined; it can't be examined" in done.stdout
    assert "Traceback" not in done.stderr
