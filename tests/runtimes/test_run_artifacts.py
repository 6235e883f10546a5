"""Real artifacts run in real runtimes in a worker: correct numbers, wrong samples, broken files."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path
from typing import Any

import compiled_members as members
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import edge_export
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes import Unsupported, runtime_of
from edge_export.runtimes.run import RUN, CompiledFile, RunAnswer, RunRequest
from edge_export.verify.artifact import Reference, measure_artifact
from edge_export.workers import WorkerError

VERSIONS = {
    "executorch": "1.4.1",
    "tflite": "2.1.2",
    "coreml": "9.0" if sys.platform == "darwin" else edge_export.__version__,
    "coreai": f"of macOS {platform.mac_ver()[0]}" if sys.platform == "darwin" else "1.0.0b3 of coreai-core",
}
RUNNABLE = ("executorch", "tflite", "coreml", "coreai")
PROGRAM = {"coreml": "Data/com.apple.CoreML/model.mlmodel", "coreai": "main.mlirb"}
"""The file of a package that holds its operators."""


def run(
    member: str, format_name: str, path: Path, io: IOSpec, inputs: dict[str, np.ndarray], folder: Path, **options: Any
) -> tuple[RunAnswer, dict[str, np.ndarray]]:
    save_file(inputs, folder / "inputs.safetensors")
    request = RunRequest(
        file=CompiledFile(format=format_name, path=path, io=io, member_io=members.MEMBERS[member][1]),
        inputs=folder / "inputs.safetensors",
        outputs=folder / "outputs.safetensors",
        **options,
    )
    facts = members.ask(RUN, request, format_name, timeout_s=60)
    return facts, load_file(request.outputs)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", RUNNABLE)
@pytest.mark.parametrize("member", members.MEMBERS)
def test_an_artifact_gives_what_the_network_gives(member: str, format_name: str, tmp_path: Path) -> None:
    inputs = members.samples(member, 3)
    facts, outputs = run(member, format_name, *members.compiled(member, format_name), inputs, tmp_path)
    assert facts.count == 3
    assert facts.runtime == f"{runtime_of(format_name).name} {VERSIONS[format_name]}"
    expected = members.expected(member, inputs)
    assert outputs.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(outputs[name], array, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("member", ["classifier", "segmenter"])
def test_tflite_gives_the_same_in_either_layout(member: str, tmp_path: Path) -> None:
    inputs = members.samples(member, 2)
    path, io = members.compiled(member, "tflite", layout="NCHW")
    assert io == members.MEMBERS[member][1]
    _, outputs = run(member, "tflite", path, io, inputs, tmp_path)
    for name, array in members.expected(member, inputs).items():
        np.testing.assert_allclose(outputs[name], array, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", RUNNABLE)
def test_a_stream_feeds_its_state_back_from_zero(format_name: str, tmp_path: Path) -> None:
    audio = members.samples("streamer", 4)["audio"]
    _, outputs = run(
        "streamer", format_name, *members.compiled("streamer", format_name), {"audio": audio}, tmp_path, stream=True
    )
    state = np.zeros((1, 40), np.float32)
    for index in range(4):
        step = members.expected("streamer", {"audio": audio[index : index + 1], "state": state})
        np.testing.assert_allclose(outputs["stems"][index : index + 1], step["stems"], rtol=1e-4, atol=1e-5)
        state = step["next_state"]
    np.testing.assert_allclose(outputs["next_state"][3:], state, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", RUNNABLE)
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.9])
def test_a_truncated_artifact_fails_alone(format_name: str, kept: float, tmp_path: Path) -> None:
    whole, io = members.compiled("streamer", format_name)
    broken = tmp_path / whole.name
    (shutil.copytree if whole.is_dir() else shutil.copy)(whole, broken)
    file = broken / PROGRAM[format_name] if whole.is_dir() else broken
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * kept)])
    inputs = members.samples("streamer", 1)
    with pytest.raises(WorkerError):
        run("streamer", format_name, broken, io, inputs, tmp_path)
    run("streamer", format_name, whole, io, inputs, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", RUNNABLE)
def test_an_artifact_that_is_another_network_is_refused(format_name: str, tmp_path: Path) -> None:
    path, _ = members.compiled("pass_through", format_name)
    io = members.compiled("streamer", format_name)[1]
    with pytest.raises(WorkerError, match=r"in the file, not float32 \[1, 256\]|the file has 3 outputs"):
        run("streamer", format_name, path, io, members.samples("streamer", 1), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"image": np.zeros((1, 3, 24, 32), np.float32)}, r"samples of image are float32 \[1, 3, 24, 32\]"),
        ({"image": np.zeros((1, 3, 32, 24), np.float64)}, "samples of image are float64"),
        ({"picture": np.zeros((1, 3, 32, 24), np.float32)}, r"samples are of \['picture'\]"),
        ({"image": np.zeros((0, 3, 32, 24), np.float32)}, "at least one"),
    ],
)
def test_wrong_samples_are_named(inputs: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=message):
        run("classifier", "tflite", *members.compiled("classifier", "tflite"), inputs, tmp_path)


@pytest.mark.slow
def test_a_wrong_layout_in_the_io_is_not_believed(tmp_path: Path) -> None:
    path, io = members.compiled("classifier", "tflite")
    lying = IOSpec((TensorSpec("image", (1, 3, 32, 24), layout="NCHW"),), io.outputs)
    with pytest.raises(WorkerError, match="image is float32"):
        run("classifier", "tflite", path, lying, members.samples("classifier", 1), tmp_path)


@pytest.mark.slow
def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    path, io = members.compiled("streamer", "tflite")
    shutil.copy(path, tmp_path / "streamer.pte")
    with pytest.raises(WorkerError):
        run("streamer", "executorch", tmp_path / "streamer.pte", io, members.samples("streamer", 1), tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "darwin", reason="Core ML itself says what it does not know")
def test_an_operator_that_is_not_known_is_named(tmp_path: Path) -> None:
    from coremltools.proto import Model_pb2

    whole, io = members.compiled("streamer", "coreml")
    package = shutil.copytree(whole, tmp_path / whole.name)
    file = package / "Data" / "com.apple.CoreML" / "model.mlmodel"
    spec = Model_pb2.Model()
    spec.ParseFromString(file.read_bytes())
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    next(operation for operation in block.operations if operation.type == "tanh").type = "tanhh"
    file.write_bytes(spec.SerializeToString())
    inputs = members.samples("streamer", 1)
    save_file(inputs, tmp_path / "inputs.safetensors")
    request = RunRequest(
        file=CompiledFile(format="coreml", path=package, io=io, member_io=members.MEMBERS["streamer"][1]),
        inputs=tmp_path / "inputs.safetensors",
        outputs=tmp_path / "outputs.safetensors",
    )
    answer = members.ask(RUN, request, "coreml")
    assert answer == RunAnswer(runtime=f"MIL evaluator {edge_export.__version__}", unsupported=("tanhh",))
    assert not request.outputs.exists()
    reference = Reference(request.inputs, request.inputs, None, "top1", "points", None, None)
    with pytest.raises(Unsupported, match="does not support the operators tanhh"):
        measure_artifact(members.pool(), request.file, runtime_of("coreml"), reference, tmp_path, tmp_path / "log")
