"""Real `.pte` files at reduced precision: how far from PyTorch, how large, and what is said about them."""

from __future__ import annotations

from pathlib import Path

import compiled_members as members
import executorch_members as recurrent
import numpy as np
import pytest
import reduced_members as reduced
from safetensors.numpy import load_file, save_file

from edge_export.formats import FORMATS
from edge_export.formats.contents import Contents
from edge_export.spec.agreement import agreement
from edge_export.tasks.classification import top1
from edge_export.workers import WorkerError

pytestmark = pytest.mark.slow

SCHEMES = FORMATS["executorch"].precisions["int8"]


def contents(path: str) -> Contents:
    return members.inspect(Path(path))


@pytest.mark.parametrize(
    ("member", "precision", "scheme", "least_db"),
    [
        ("streamer", "int8", "dynamic", 38),
        ("streamer", "int8", "weight_only", 42),
        ("classifier", "int8", "static_per_tensor", 25),
        ("classifier", "int8", "static", 27),
        ("classifier", "int8", "dynamic", 32),
        (reduced.DIGITS, "int8", "static_per_tensor", 28),
        (reduced.DIGITS, "int8", "static", 30),
        (reduced.DIGITS, "fp16", "", 55),
        ("planes", "int8", "static", 28),
        ("pass_through", "int8", "static", 35),
        ("pass_through", "int8", "weight_only", 100),
        ("loud_input", "int8", "dynamic", 100),
        ("loud_input", "int8", "weight_only", 100),
    ],
)
def test_it_agrees_with_pytorch(member: str, precision: str, scheme: str, least_db: float, tmp_path: Path) -> None:
    done = reduced.compiled(member, "executorch", precision, scheme)
    outputs = reduced.run(member, done, tmp_path)
    assert reduced.snr_db(member, outputs) > least_db
    if member == reduced.DIGITS:
        assert top1(outputs["logits"], reduced.labels()) > 98.5


@pytest.mark.parametrize(
    ("precision", "scheme", "least_db"),
    [("fp16", "", 45), ("int8", "static", 20), ("int8", "dynamic", 25), ("int8", "weight_only", 30)],
)
def test_errors_of_a_state_do_not_add_up(precision: str, scheme: str, least_db: float, tmp_path: Path) -> None:
    images = recurrent.calls(seed=1, count=200)["image"]
    scores = recurrent.streamed(recurrent.compiled(precision, scheme)["path"], tmp_path, images)
    wanted = recurrent.expected(images)
    first, last = (agreement(wanted[at], scores[at]).snr_db for at in (slice(0, 50), slice(-50, None)))
    assert first > least_db
    assert last > first - 3


@pytest.mark.parametrize(
    ("member", "precision", "scheme", "most"),
    [
        *[("streamer", "int8", scheme, 0.3) for scheme in SCHEMES],
        ("streamer", "fp16", "", 0.52),
        (reduced.DIGITS, "int8", "static", 0.8),  # hardly more weights than words around them
        (reduced.DIGITS, "fp16", "", 1.0),  # weights of convolutions stay float32
    ],
)
def test_it_is_small(member: str, precision: str, scheme: str, most: float) -> None:
    assert reduced.share(member, "executorch", precision, scheme) <= most


@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_builds_are_byte_identical(scheme: str, tmp_path: Path) -> None:
    first = reduced.compiled("streamer", "executorch", "int8", scheme)
    observed = reduced.calibration("streamer")
    second = reduced.compile_now("streamer", "executorch", tmp_path, "int8", scheme, observed)
    assert Path(first["path"]).read_bytes() == Path(second["path"]).read_bytes()


@pytest.mark.parametrize(("precision", "scheme"), [("fp16", ""), ("int8", "static_per_tensor"), ("int8", "static")])
def test_a_convolutional_network_is_one_delegate(precision: str, scheme: str) -> None:
    found = contents(reduced.compiled(reduced.DIGITS, "executorch", precision, scheme)["path"])
    assert [(delegate.name, delegate.count) for delegate in found.delegates] == [("XnnpackBackend", 1)]
    casts = {"dim_order_ops::_to_dim_order_copy.out": 2} if precision == "fp16" else {}
    assert found.operators == casts


def test_a_matrix_of_many_steps_is_stored_and_widened_once() -> None:
    (delegate,) = contents(recurrent.compiled("int8", "weight_only")["path"]).delegates
    assert delegate.operators["BatchMatrixMultiply"] == recurrent.STEPS + 1
    assert delegate.operators["Convert"] == 1


def test_what_stayed_float_is_told() -> None:
    def notes(scheme: str) -> list[str]:
        return recurrent.compiled("int8", scheme)["notes"]

    boundary = "inputs and outputs are float32"
    assert notes("static") == [
        boundary,
        "13 of 17 operators compute in float32",
        "add ×4, tanh ×4: not quantized by the scheme static",
        "bmm ×1: they only reorder, which float32 does exactly",
        "bmm ×4: weights are int8, arithmetic is not",
    ]
    assert notes("weight_only")[1] == "all 19 operators compute in float32"
    assert "conv2d ×1: XNNPACKQuantizer has no such convolution for the scheme weight_only" in notes("weight_only")
    depthwise = reduced.compiled("classifier", "executorch", "int8", "dynamic")["notes"]
    assert "conv2d ×2: XNNPACKQuantizer has no such convolution for the scheme dynamic" in depthwise
    assert reduced.compiled(reduced.DIGITS, "executorch", "int8", "static")["notes"] == [boundary]
    halved = reduced.compiled(reduced.DIGITS, "executorch", "fp16")["notes"]
    assert (halved[0], "weights of convolutions are float32 in the file" in halved[-1]) == (boundary, True)
    assert reduced.compiled(reduced.DIGITS, "executorch", "fp32")["notes"] == []


def test_the_ranges_of_a_static_file_come_from_the_calibration_inputs(tmp_path: Path) -> None:
    quiet = {name: array / 100 for name, array in load_file(reduced.calibration("classifier")).items()}
    save_file(quiet, tmp_path / "quiet.safetensors")
    done = reduced.compile_now("classifier", "executorch", tmp_path, "int8", "static", tmp_path / "quiet.safetensors")
    assert reduced.snr_db("classifier", reduced.run("classifier", done, tmp_path)) < 20  # 27 with the right ones


@pytest.mark.parametrize("scheme", ["static_per_tensor", "static"])
def test_a_static_scheme_without_calibration_is_refused(scheme: str, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="this scheme needs calibration: a safetensors file of real inputs") as raised:
        reduced.compile_now("streamer", "executorch", tmp_path, "int8", scheme)
    assert "\n" not in str(raised.value)


def test_calibration_of_another_member_is_refused(tmp_path: Path) -> None:
    save_file({"audio": np.zeros((4, 256), np.float32)}, tmp_path / "stateless.safetensors")
    with pytest.raises(WorkerError, match="input state is missing"):
        reduced.compile_now("streamer", "executorch", tmp_path, "int8", "static", tmp_path / "stateless.safetensors")
