"""By TensorFlow to a `.tflite` file: the same boundary, the same numbers, and a way where the direct one fails."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import compiled_members as members
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compile_task import CompileAnswer, CompileRequest
from edge_export.formats.tflite.inspect import inspect
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes import runtime_of
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.agreement import agreement
from edge_export.workers import WorkerError

pytestmark = pytest.mark.slow


class Missing(nn.Module):
    """What is not positive is missing, NaN, and gets a number: onnx2tf's own writer multiplies NaN by 0."""

    io = IOSpec((TensorSpec("image", (1, 3, 9, 9), layout="NCHW"),), (TensorSpec("features", (1, 8)),))

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        means = self.conv(image).mean((2, 3))
        return torch.where(means > 0, torch.nan, means).nan_to_num(0.5)


class Determinant(nn.Module):
    """The determinant of a matrix that is too large to write out, which neither way knows."""

    io = IOSpec((TensorSpec("x", (1, 40, 40)),), (TensorSpec("y", (1, 1)),))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.det(x).unsqueeze(1)


def exported(network: Any, folder: Path) -> Path:
    inputs = tuple(torch.zeros(spec.shape) for spec in network.io.inputs)
    torch.export.save(torch.export.export(network, inputs), folder / "network.pt2")
    return folder / "network.pt2"


def made(program: Path, io: IOSpec, folder: Path, precision: str = "fp32", **options: str) -> CompileAnswer:
    """The file lies in `folder / "made"`."""
    request = CompileRequest(
        format="tflite", precision=precision, options=options, program=program, io=io, workdir=folder / "made"
    )
    return compile_in_worker(members.pool(), request, folder / "made.log")


def outputs_of(
    runtime: str, compiled: CompileAnswer, io: IOSpec, inputs: dict[str, np.ndarray], folder: Path
) -> tuple[str, dict[str, np.ndarray]]:
    """The name and version of a runtime of `.tflite` files, and what it gives."""
    save_file(inputs, folder / "inputs.safetensors")
    request = RunRequest(
        file=CompiledFile(format="tflite", path=folder / "made" / compiled.file, io=compiled.io, member_io=io),
        inputs=folder / "inputs.safetensors",
        outputs=folder / "outputs.safetensors",
        runtime=runtime,
    )
    answer = members.ask(RUN, request, runtime_of("tflite", runtime).environment or "tflite")
    return answer.runtime, load_file(request.outputs)


@pytest.mark.parametrize("runtime", ["LiteRT", "TensorFlow"])
@pytest.mark.parametrize("member", members.MEMBERS)
def test_a_file_by_tensorflow_is_the_direct_one_from_outside(
    member: str, runtime: str, tensorflow_environment: Path, tmp_path: Path
) -> None:
    io = members.MEMBERS[member][1]
    compiled = made(members.program(member), io, tmp_path, route="tensorflow")
    direct, direct_io = members.compiled(member, "tflite")
    assert compiled.io == direct_io
    assert compiled.file == direct.name
    assert compiled.tools["tensorflow"] == "2.21.0"
    assert {path.name for path in (tmp_path / "made").iterdir()} == {path.name for path in direct.parent.iterdir()}
    if member != "pass_through":  # of which TensorFlow makes one tensor with three names
        mine, theirs = inspect(tmp_path / "made" / compiled.file), inspect(direct)
        assert (mine.inputs, mine.outputs) == (theirs.inputs, theirs.outputs)
    inputs = members.samples(member, 3)
    _, outputs = outputs_of(runtime, compiled, io, inputs, tmp_path)
    for name, array in members.expected(member, inputs).items():
        np.testing.assert_allclose(outputs[name], array, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("member", ["classifier", "segmenter"])
def test_images_may_keep_their_layout(member: str, tensorflow_environment: Path, tmp_path: Path) -> None:
    io = members.MEMBERS[member][1]
    compiled = made(members.program(member), io, tmp_path, route="tensorflow", input_layout="NCHW")
    assert compiled.io == io
    inputs = members.samples(member, 2)
    _, outputs = outputs_of("LiteRT", compiled, io, inputs, tmp_path)
    for name, array in members.expected(member, inputs).items():
        np.testing.assert_allclose(outputs[name], array, rtol=1e-4, atol=1e-5)


def test_the_same_bytes_whatever_was_converted_before(tensorflow_environment: Path, tmp_path: Path) -> None:
    contents = []
    for member in ("classifier", "streamer", "classifier"):
        io = members.MEMBERS[member][1]
        compiled = made(members.program(member), io, tmp_path, route="tensorflow")
        contents.append((tmp_path / "made" / compiled.file).read_bytes())
    assert contents[0] == contents[2]


def test_other_precisions_are_made_of_it(tensorflow_environment: Path, tmp_path: Path) -> None:
    io = members.MEMBERS["streamer"][1]
    compiled = made(members.program("streamer"), io, tmp_path, "fp16", route="tensorflow")
    inputs = members.samples("streamer", 3)
    for runtime in ("LiteRT", "TensorFlow"):
        _, outputs = outputs_of(runtime, compiled, io, inputs, tmp_path)
        for name, array in members.expected("streamer", inputs).items():
            snr_db = agreement(array, outputs[name], scores=False).snr_db
            assert snr_db is not None
            assert 55 < snr_db < 90


def test_what_the_direct_way_gets_wrong_is_converted_by_tensorflow(
    tensorflow_environment: Path, tmp_path: Path
) -> None:
    network = Missing().eval()
    program = exported(network, tmp_path)
    with pytest.raises(WorkerError, match="features differs from the network") as error:
        made(program, network.io, tmp_path, route="direct")
    compiled = made(program, network.io, tmp_path)
    assert compiled.notes[0] == f"the direct route failed ({error.value}): converted by TensorFlow"
    assert compiled.tools["tensorflow"] == "2.21.0"
    (given,), (wanted,) = network.io.inputs, network.io.outputs
    samples = torch.randn(5, *given.shape[1:])
    with torch.no_grad():
        expected = torch.cat([network(sample) for sample in samples.split(1)]).numpy()
    for runtime in ("LiteRT", "TensorFlow"):
        version, outputs = outputs_of(runtime, compiled, network.io, {given.name: samples.numpy()}, tmp_path)
        assert version.startswith(f"{runtime} 2.")
        np.testing.assert_allclose(outputs[wanted.name], expected, rtol=1e-4, atol=1e-5)


def test_what_neither_way_knows_names_both_reasons(tensorflow_environment: Path, tmp_path: Path) -> None:
    network = Determinant()
    with pytest.raises(WorkerError, match=r"NotConverted: .*DET.*; and by TensorFlow: .*MatrixDeterminant"):
        made(exported(network, tmp_path), network.io, tmp_path)


def test_without_the_environment_the_error_says_how_to_set_it_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    network = Determinant()
    program = exported(network, tmp_path)
    with pytest.raises(WorkerError, match="run `edge_export doctor --setup tensorflow`") as error:
        made(program, network.io, tmp_path, route="tensorflow")
    assert error.value.reason == "environment"
    with pytest.raises(WorkerError, match="DET") as error:
        made(program, network.io, tmp_path)
    assert "TensorFlow" not in str(error.value)


def test_a_wrong_request_is_not_tried_twice(tensorflow_environment: Path, tmp_path: Path) -> None:
    io = members.MEMBERS["classifier"][1]
    with pytest.raises(WorkerError, match="option input_layout must be one of") as error:
        made(members.program("classifier"), io, tmp_path, input_layout="CHWN")
    assert "TensorFlow" not in str(error.value)
    with pytest.raises(WorkerError, match="logits"):
        made(members.program("classifier"), replace(io, outputs=(TensorSpec("logits", (1, 9)),)), tmp_path)
