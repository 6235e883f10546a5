"""By litert-torch to a `.tflite` file: the same boundary and the same numbers, also where the other ways fail."""

from __future__ import annotations

from pathlib import Path

import compiled_members as members
import numpy as np
import pytest
import torch
from torch import nn

from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compile_task import CompileAnswer, CompileRequest
from edge_export.formats.tflite.litert import load
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.spec.agreement import agreement
from edge_export.workers import WorkerError
from edge_export.workers.environments import interpreter, why_missing

by_litert_torch = pytest.mark.skipif(
    interpreter("litert-torch") is None, reason=f"the environment litert-torch is {why_missing('litert-torch')}"
)


class Windows(nn.Module):
    """Overlapping windows of a sound, by strides. And two labels."""

    io = IOSpec(
        (TensorSpec("sound", (1, 64)), TensorSpec("first", (1,), "int64")),
        (
            TensorSpec("features", (1, 13, 4)),
            TensorSpec("label", (1, 13), "int64"),
            TensorSpec("moved", (1, 13), "int64"),
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(16, 4)

    def forward(self, sound: torch.Tensor, first: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.linear(torch.as_strided(sound, (1, 13, 16), (64, 4, 1)))
        label = features.argmax(2)
        return features, label, label + first


def made(program: Path, io: IOSpec, folder: Path, precision: str = "fp32", **options: str) -> CompileAnswer:
    """The file lies in `folder / "made"`."""
    request = CompileRequest(
        format="tflite", precision=precision, options=options, program=program, io=io, workdir=folder / "made"
    )
    return compile_in_worker(members.pool(), request, folder / "made.log")


@by_litert_torch
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("member", members.MEMBERS)
def test_a_file_by_litert_torch_is_the_direct_one_from_outside(member: str, layout: str, tmp_path: Path) -> None:
    io = members.MEMBERS[member][1]
    compiled = made(members.program(member), io, tmp_path, route="litert-torch", input_layout=layout)
    if layout == "NHWC":
        assert compiled.io == members.compiled(member, "tflite")[1]
    assert compiled.tools["litert-torch"] == "0.10.0"
    assert [path.name for path in (tmp_path / "made").iterdir()] == [compiled.file]
    call = load(tmp_path / "made" / compiled.file, compiled.io)
    inputs = members.samples(member, 3)
    expected = members.expected(member, inputs)
    for row in (0, 1, 2, 0):
        given = {own.name: laid_out(inputs[own.name][row : row + 1], own) for own in compiled.io.inputs}
        results = call(given)
        for own in compiled.io.outputs:
            np.testing.assert_allclose(
                results[own.name], laid_out(expected[own.name][row : row + 1], own), rtol=1e-4, atol=1e-5
            )


def laid_out(array: np.ndarray, own: TensorSpec) -> np.ndarray:
    """An array of the member in the layout of the file."""
    return np.moveaxis(array, 1, -1) if own.layout == "NHWC" else array


@by_litert_torch
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_windows_by_strides_are_made_in_each_precision(precision: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Windows().eval()
    sound, first = torch.randn(1, 64), torch.tensor([3])
    torch.export.save(torch.export.export(network, (sound, first)), tmp_path / "network.pt2")
    compiled = made(tmp_path / "network.pt2", network.io, tmp_path, precision, route="litert-torch")
    call = load(tmp_path / "made" / compiled.file, compiled.io)
    for _ in range(2):
        sound = torch.randn(1, 64)
        features, label, moved = (value.detach().numpy() for value in network(sound, first))
        results = call({"sound": sound.numpy(), "first": first.numpy()})
        assert agreement(features, results["features"], scores=False).snr_db > (50 if precision == "fp16" else 110)
        assert np.mean(results["label"] == label) > 0.9
        np.testing.assert_array_equal(results["moved"] - results["label"], moved - label)


@by_litert_torch
def test_what_litert_torch_does_not_take_is_named(tmp_path: Path) -> None:
    class Gamma(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.lgamma(x)

    io = IOSpec((TensorSpec("x", (1, 4)),), (TensorSpec("y", (1, 4)),))
    torch.export.save(torch.export.export(Gamma(), (torch.ones(1, 4),)), tmp_path / "network.pt2")
    with pytest.raises(WorkerError, match=r"Lowering not found: aten\.lgamma"):
        made(tmp_path / "network.pt2", io, tmp_path, route="litert-torch")


def test_without_the_environment_the_error_says_how_to_set_it_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    program, io = members.program("operators"), members.MEMBERS["operators"][1]
    with pytest.raises(WorkerError, match="run `edge_export doctor --setup litert-torch`") as error:
        made(program, io, tmp_path, route="litert-torch")
    assert error.value.reason == "environment"
