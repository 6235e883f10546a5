"""What `inspect` says about a compiled file is what went into it; a damaged file ends in one line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import compiled_members as members
import pytest

from edge_export.formats import FORMATS
from edge_export.formats.contents import counted
from edge_export.inspection.task import inspect_file
from edge_export.workers import WorkerError

FORMAT_NAMES = tuple(FORMATS)
LOWERED = {
    **dict.fromkeys(("broadcasting_add", "broadcasting_batch_matmul", "transpose"), 2),
    **dict.fromkeys(("concat", "reshape", "tanh"), 1),
}
"""The operators that Core AI makes two linear layers, and what is around them, of."""


def parameters(member: str) -> int:
    return sum(parameter.numel() for parameter in members.network(member).parameters())


@pytest.mark.slow
@pytest.mark.parametrize("format_name", FORMAT_NAMES)
def test_a_classifier_is_described(format_name: str) -> None:
    path, io = members.compiled("classifier", format_name)
    found = members.inspect(path)
    assert found.format == format_name
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    assert found.bytes == sum(file.stat().st_size for file in files)
    # The weights as float32; besides them a few shapes, axes and paddings to 64 bytes.
    assert 4 * parameters("classifier") <= found.weight_bytes <= 4 * parameters("classifier") + 2048
    assert [spec.shape for spec in found.inputs] == [spec.shape for spec in io.inputs]
    assert [spec.shape for spec in found.outputs] == [spec.shape for spec in io.outputs]
    assert {spec.dtype for spec in found.inputs + found.outputs} == {"float32"}


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["coreml", "coreai", "tflite"])
def test_names_and_order_are_those_of_the_artifact(format_name: str) -> None:
    path, io = members.compiled("streamer", format_name)
    found = members.inspect(path)
    assert [spec.name for spec in found.inputs] == [spec.name for spec in io.inputs]
    assert [spec.name for spec in found.outputs] == [spec.name for spec in io.outputs]


@pytest.mark.slow
def test_fp16_halves_the_weights_of_core_ml() -> None:
    single = members.inspect(members.compiled("streamer", "coreml")[0])
    half = members.inspect(members.compiled("streamer", "coreml", "fp16")[0])
    assert half.weight_bytes < 0.55 * single.weight_bytes
    assert "cast" in half.operators
    assert "cast" not in single.operators


@pytest.mark.slow
def test_a_program_says_what_its_delegate_took() -> None:
    found = members.inspect(members.compiled("streamer", "executorch")[0])
    assert found.operators == {}  # nothing was left out
    (delegate,) = found.delegates
    assert (delegate.name, delegate.count) == ("XnnpackBackend", 1)
    assert delegate.operators["FullyConnected"] == 2
    assert delegate.operators["Tanh"] == 1
    assert 4 * parameters("streamer") <= delegate.bytes <= found.bytes


@pytest.mark.slow
def test_a_program_says_what_was_left_out_of_its_delegates() -> None:
    found = members.inspect(members.compiled("classifier", "executorch")[0])
    assert found.operators["aten::mean.out"] == 1  # XNNPACK takes a mean only if it keeps the axes
    (delegate,) = found.delegates
    assert delegate.count == 2  # the mean splits them
    assert delegate.operators["Conv2d"] == 2
    assert delegate.operators["DepthwiseConv2d"] == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_name", "operators"),
    [
        ("tflite", {"FULLY_CONNECTED": 2, "CONCATENATION": 1, "RESHAPE": 1, "TANH": 1}),
        ("coreml", {"linear": 2, "concat": 1, "reshape": 1, "tanh": 1}),
        ("coreai", LOWERED),
    ],
)
def test_operators_are_counted(format_name: str, operators: dict[str, int]) -> None:
    assert members.inspect(members.compiled("streamer", format_name)[0]).operators == operators


def truncate(kept: float) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * kept)])

    return damage


def zero_the_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[: len(data) // 2] = bytes(len(data) // 2)
    path.write_bytes(data)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [truncate(0), truncate(0.01), truncate(0.5), truncate(0.98), zero_the_middle])
@pytest.mark.parametrize("format_name", ["executorch", "tflite", "coreml", "coreml weights", "coreai"])
def test_a_damaged_file_ends_in_one_line(format_name: str, damage: Callable[[Path], None], tmp_path: Path) -> None:
    name, _, part = format_name.partition(" ")
    whole, _ = members.compiled("streamer", name)
    copy = tmp_path / whole.name
    if whole.is_dir():
        shutil.copytree(whole, copy)
        coreml = "Data/com.apple.CoreML/weights/weight.bin" if part else "Data/com.apple.CoreML/model.mlmodel"
        damage(copy / (coreml if name == "coreml" else "main.mlirb"))
    else:
        shutil.copy(whole, copy)
        damage(copy)
    with pytest.raises(WorkerError) as raised:
        members.inspect(copy)
    assert raised.value.reason == "exception"
    assert str(raised.value).startswith(f"ValueError: {copy.name} is damaged, or not a {copy.suffix} file: ")
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [each.suffix for each in FORMATS.values()])
def test_a_file_of_another_kind_ends_in_one_line(suffix: str, tmp_path: Path) -> None:
    other = tmp_path / f"notes{suffix}"
    other.write_text("these are notes, not a network\n" * 40)
    with pytest.raises(WorkerError, match="is damaged, or not a") as raised:
        members.inspect(other)
    assert raised.value.reason == "exception"


def test_unknown_suffixes_and_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.onnx is not one of \.pte, \.mlpackage, \.aimodel, \.tflite"):
        inspect_file(tmp_path / "model.onnx")
    with pytest.raises(ValueError, match=r"model\.pte does not exist"):
        inspect_file(tmp_path / "model.pte")


def test_counts_put_the_most_frequent_first() -> None:
    assert list(counted(["b", "a", "c", "c"]).items()) == [("c", 2), ("a", 1), ("b", 1)]
    assert counted([]) == {}
