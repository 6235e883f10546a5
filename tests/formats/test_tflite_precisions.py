"""Real `.tflite` files at reduced precision: how far from PyTorch, how large, and what is said about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reduced_members as reduced
from ai_edge_litert import schema_py_generated as schema
from safetensors.numpy import load_file, save_file

from edge_export.formats import FORMATS
from edge_export.tasks.classification import top1
from edge_export.workers import WorkerError

pytestmark = pytest.mark.slow

SCHEMES = FORMATS["tflite"].precisions["int8"]


@pytest.mark.parametrize(
    ("member", "precision", "scheme", "least_db"),
    [
        ("streamer", "int8", "static", 28),
        ("streamer", "int8", "dynamic", 35),
        ("streamer", "int8", "weight_only", 38),
        ("streamer", "fp16", "", 60),
        (reduced.DIGITS, "int8", "static", 30),
        (reduced.DIGITS, "int8", "dynamic", 33),
        (reduced.DIGITS, "int8", "weight_only", 33),
        (reduced.DIGITS, "fp16", "", 55),
        ("segmenter", "int8", "weight_only", 38),
        ("planes", "int8", "dynamic", 35),
        ("pass_through", "int8", "weight_only", 100),
        ("loud_input", "int8", "dynamic", 100),
        ("loud_input", "int8", "weight_only", 100),
        ("pass_through", "fp16", "", 100),
    ],
)
def test_it_agrees_with_pytorch(member: str, precision: str, scheme: str, least_db: float, tmp_path: Path) -> None:
    done = reduced.compiled(member, "tflite", precision, scheme)
    assert all(spec.dtype == "float32" for spec in reduced.own_io(done).inputs + reduced.own_io(done).outputs)
    outputs = reduced.run(member, done, tmp_path)
    assert reduced.snr_db(member, outputs) > least_db
    if member == reduced.DIGITS:
        assert top1(outputs["logits"], reduced.labels()) > 98.5


@pytest.mark.parametrize(
    ("member", "precision", "scheme", "most"),
    [
        *[("streamer", "int8", scheme, 0.3) for scheme in SCHEMES],
        ("streamer", "fp16", "", 0.52),
        (reduced.DIGITS, "int8", "static", 0.6),  # hardly more weights than words around them
        (reduced.DIGITS, "fp16", "", 0.65),
    ],
)
def test_it_is_small(member: str, precision: str, scheme: str, most: float) -> None:
    assert reduced.share(member, "tflite", precision, scheme) <= most


@pytest.mark.parametrize(("precision", "scheme"), [("fp16", ""), *[("int8", scheme) for scheme in SCHEMES]])
def test_two_builds_are_byte_identical(precision: str, scheme: str, tmp_path: Path) -> None:
    first = reduced.compiled("streamer", "tflite", precision, scheme)
    observed = reduced.calibration("streamer")
    second = reduced.compile_now("streamer", "tflite", tmp_path, precision, scheme, observed)
    assert Path(first["path"]).read_bytes() == Path(second["path"]).read_bytes()


def test_what_stayed_float_is_told() -> None:
    def notes(precision: str, scheme: str = "") -> list[str]:
        return reduced.compiled(reduced.DIGITS, "tflite", precision, scheme)["notes"]

    boundary, operators, constants = notes("int8", "dynamic")
    assert boundary == "inputs and outputs are float32"
    assert operators.startswith("12 of 23 operators compute in float32: ADD ×2, DEPTHWISE_CONV_2D ×5,")
    assert constants.startswith("16 constants of 2088 bytes")  # the biases
    _, operators, _ = notes("int8", "weight_only")
    assert operators == "all 23 operators compute in float32"
    assert notes("fp16") == ["inputs and outputs are float32", "all 23 operators compute in float32"]
    assert notes("fp32") == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_weights_have_a_scale_for_each_channel_and_tensors_their_names(scheme: str) -> None:
    """Of the smallest network, too, whose scales and names take as much as its weights."""

    def model(precision: str, scheme: str = "") -> Any:
        path = Path(reduced.compiled(reduced.DIGITS, "tflite", precision, scheme)["path"])
        return schema.ModelT.InitFromPackedBuf(bytearray(path.read_bytes()), 0)

    float32 = model("fp32")
    (graph,) = float32.subgraphs
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in float32.operatorCodes]
    convolutions = [o for o in graph.operators if codes[o.opcodeIndex] == schema.BuiltinOperator.CONV_2D]
    filters = {graph.tensors[operator.inputs[1]].name for operator in convolutions}
    assert len(filters) > 8
    (graph,) = model("int8", scheme).subgraphs
    assert all(tensor.name for tensor in graph.tensors)
    weights = [t for t in graph.tensors if t.name in filters and t.type == schema.TensorType.INT8]
    assert {weight.name for weight in weights} == filters
    assert all(len(weight.quantization.scale) == weight.shape[0] for weight in weights)


def test_the_ranges_of_a_static_file_come_from_the_calibration_inputs(tmp_path: Path) -> None:
    quiet = {name: array / 100 for name, array in load_file(reduced.calibration("streamer")).items()}
    save_file(quiet, tmp_path / "quiet.safetensors")
    done = reduced.compile_now("streamer", "tflite", tmp_path, "int8", "static", tmp_path / "quiet.safetensors")
    assert reduced.snr_db("streamer", reduced.run("streamer", done, tmp_path)) < 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "this scheme needs calibration: a safetensors file of real inputs"),
        ({"audio": np.zeros((4, 255), np.float32)}, r"audio is float32 \[4, 255\], not float32 \['count', 256\]"),
        ({"audio": np.full((4, 256), np.nan, np.float32)}, "audio holds NaN or infinite values"),
        ({"audio": np.zeros((3, 256), np.float32)}, r"different counts, \[3, 4\]"),
        ({"sound": np.zeros((4, 256), np.float32)}, "sound is not an input"),
    ],
)
def test_calibration_that_does_not_fit_is_refused(
    change: dict[str, np.ndarray] | None, message: str, tmp_path: Path
) -> None:
    observed = None
    if change is not None:
        observed = tmp_path / "wrong.safetensors"
        right = {"audio": np.zeros((4, 256), np.float32), "state": np.zeros((4, 40), np.float32)}
        save_file(right | change, observed)
    with pytest.raises(WorkerError, match=message) as raised:
        reduced.compile_now("streamer", "tflite", tmp_path, "int8", "static", observed)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("member", ["streamer", "segmenter", reduced.DIGITS])
def test_the_onnx_model_on_the_way_runs_and_agrees(member: str, tmp_path: Path) -> None:
    done = reduced.compiled(member, "tflite", "fp32")
    assert reduced.snr_db(member, reduced.run(member, done, tmp_path, stage="onnx")) > 100
