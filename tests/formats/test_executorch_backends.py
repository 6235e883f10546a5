"""Real programs for Core ML's delegate, run from the file that ships, and for Vulkan's, which nothing here runs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import compiled_members as members
import numpy as np
import pytest
import torch
from reduced_members import save_file
from safetensors.numpy import load_file
from torch import nn

from edge_export.bundle import manifest
from edge_export.formats import FORMATS
from edge_export.formats.compile_task import COMPILE, CompileRequest
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.pipeline.target import read_target
from edge_export.runtimes.run import RUN, CompiledFile, RunAnswer, RunRequest
from edge_export.spec.agreement import agreement
from edge_export.verify.verdict import run_everywhere
from edge_export.workers import WorkerError

pytestmark = pytest.mark.slow


@cache
def compiled(member: str, backend: str, precision: str = "fp32") -> Path:
    """Do not change the file."""
    workdir = members.folder() / f"{member}-executorch-{backend}-{precision}"
    return workdir / members.compile_now(member, "executorch", workdir, precision, backend=backend).file


def run(path: Path, io: IOSpec, inputs: dict[str, np.ndarray], folder: Path) -> tuple[RunAnswer, Path]:
    save_file(inputs, folder / "inputs.safetensors")
    file = CompiledFile(format="executorch", backend="coreml", path=path, io=io, member_io=io)
    request = RunRequest(
        file=file, inputs=folder / "inputs.safetensors", outputs=folder / "outputs.safetensors", repeat=True
    )
    return members.ask(RUN, request, "executorch"), request.outputs


@pytest.mark.parametrize(
    ("member", "precision", "snr_db"),
    [("streamer", "fp32", 110), ("streamer", "fp16", 50), ("classifier", "fp16", 50), ("pass_through", "fp32", 110)],
)
def test_the_core_ml_program_of_the_shipped_file_agrees(
    member: str, precision: str, snr_db: float, tmp_path: Path
) -> None:
    inputs = members.samples(member, 3)
    answer, outputs = run(compiled(member, "coreml", precision), members.MEMBERS[member][1], inputs, tmp_path)
    assert answer.runtime.startswith("MIL evaluator ")
    assert answer.repeatable
    got = load_file(outputs)
    for name, expected in members.expected(member, inputs).items():
        assert agreement(expected, got[name]).snr_db > snr_db


def test_inspect_looks_into_the_delegate() -> None:
    path = compiled("classifier", "coreml", "fp16")
    contents = members.inspect(path)
    (delegate,) = contents.delegates
    assert (contents.backend, contents.operators) == ("coreml", {})
    assert (delegate.name, delegate.count, delegate.operators["conv"]) == ("CoreMLBackend", 1, 3)
    assert (
        contents.bytes
        > delegate.bytes
        > contents.weight_bytes
        > 2 * sum(parameter.numel() for parameter in members.network("classifier").parameters())
    )
    assert b"debug_handle" not in path.read_bytes()
    assert [spec.shape for spec in contents.inputs + contents.outputs] == [(1, 3, 32, 24), (1, 10)]


@pytest.mark.parametrize("backend", ["coreml", "vulkan"])
def test_two_builds_are_the_same_bytes(backend: str, tmp_path: Path) -> None:
    again = tmp_path / members.compile_now("streamer", "executorch", tmp_path, backend=backend).file
    assert again.read_bytes() == compiled("streamer", backend).read_bytes()


def test_options_reach_the_file(tmp_path: Path) -> None:
    from executorch.exir._serialize._program import deserialize_pte_binary

    options = {"backend": "coreml", "compute_units": "cpu_and_ne", "minimum_os": "18"}
    path = tmp_path / members.compile_now("classifier", "executorch", tmp_path, **options).file
    (delegate,) = deserialize_pte_binary(path.read_bytes()).program.execution_plan[0].delegates
    specs = {spec.key: spec.value for spec in delegate.compile_specs}
    assert specs["compute_units"] == b"cpu_and_ne"
    assert specs["min_deployment_target"] == b"9"  # Core ML's number of iOS 18
    answer, _ = run(path, members.MEMBERS["classifier"][1], members.samples("classifier", 1), tmp_path)
    assert answer.unsupported == ()


@pytest.mark.parametrize(
    ("precision", "options", "message"),
    [
        ("int8", {"backend": "coreml"}, "executorch has no precision int8, only fp32, fp16"),
        ("int8", {"backend": "vulkan"}, "executorch has no precision int8, only fp32, fp16"),
        ("fp32", {"backend": "coreml", "minimum_os": "12"}, "option minimum_os must be one of"),
        ("fp32", {"backend": "xnnpack", "compute_units": "all"}, "option compute_units='all' is unknown"),
    ],
)
def test_what_a_backend_does_not_offer_is_refused(
    precision: str, options: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(WorkerError, match=message):
        members.compile_now("streamer", "executorch", tmp_path, precision, **options)


class Around(nn.Module):
    """Operators that no Core ML program can have, around parts that it can. The last part has no weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x * (x.int() | (x > 0).int()).float())
        x = self.second(x * (x.int() | (x > 0).int()).float())
        return x * (x.int() | (x > 0).int()).float()


def test_what_lies_outside_of_the_delegates_runs_as_well(tmp_path: Path) -> None:
    torch.manual_seed(4)
    network, x = Around().eval(), torch.randn(3, 8)
    io = IOSpec((TensorSpec("x", (1, 8)),), (TensorSpec("y", (1, 8)),))
    torch.export.save(torch.export.export(network, (x[:1],)), tmp_path / "program.pt2")
    request = CompileRequest(
        format="executorch",
        precision="fp32",
        options={"backend": "coreml"},
        program=tmp_path / "program.pt2",
        io=io,
        workdir=tmp_path,
    )
    path = tmp_path / members.ask(COMPILE, request, "executorch").file
    contents = members.inspect(path)
    assert contents.operators == {"aten::bitwise_or.Tensor_out": 3}
    assert contents.delegates[0].count == 4
    _, outputs = run(path, io, {"x": x.numpy()}, tmp_path)
    with torch.no_grad():
        assert agreement(network(x).numpy(), load_file(outputs)["y"]).snr_db > 110


def test_what_is_not_core_ml_is_named_and_not_run(tmp_path: Path) -> None:
    path, io = members.compiled("streamer", "executorch")
    answer, outputs = run(path, io, members.samples("streamer", 1), tmp_path)
    assert answer.unsupported == ("XnnpackBackend",)
    assert not outputs.exists()


def test_vulkan_is_compiled_and_inspected_and_says_why_it_is_unverified() -> None:
    path = compiled("streamer", "vulkan")
    contents = members.inspect(path)
    (delegate,) = contents.delegates
    assert (contents.backend, contents.operators, delegate.name) == ("vulkan", {}, "VulkanBackend")
    assert delegate.operators["aten.linear.default"] == 2
    assert (
        contents.bytes > contents.weight_bytes >= 4 * sum(p.numel() for p in members.network("streamer").parameters())
    )
    artifact = manifest.Artifact(
        format="executorch",
        backend="vulkan",
        precision="fp32",
        file=None,
        io=None,
        tolerance=read_target("android").tolerance("executorch", "fp32"),
        status="unverified",
        reason="",
    )
    (found,) = run_everywhere(artifact, artifact.tolerance, lambda runtime: pytest.fail(runtime.name))
    assert found.verdict == "unverified"
    assert found.reason.startswith("ExecuTorch's Python package is built without its Vulkan runtime")


def test_vulkan_says_what_it_leaves_out_and_why(tmp_path: Path) -> None:
    io = IOSpec((TensorSpec("x", (1, 8)),), (TensorSpec("y", (1, 8)),))
    torch.export.save(torch.export.export(Around().eval(), (torch.zeros(1, 8),)), tmp_path / "program.pt2")
    request = CompileRequest(
        format="executorch",
        precision="fp16",
        options={"backend": "vulkan"},
        program=tmp_path / "program.pt2",
        io=io,
        workdir=tmp_path,
    )
    answer = members.ask(COMPILE, request, "executorch")
    why = "aten.bitwise_or.Tensor not in the Vulkan delegate: input[0] dtype torch.int32 not in {torch.bool}"
    assert answer.notes == (why,)
    assert members.inspect(tmp_path / answer.file).operators == {"aten::bitwise_or.Tensor_out": 3}


def test_every_backend_has_a_runtime_and_precisions_of_its_format() -> None:
    for known in FORMATS.values():
        assert known.others.keys() == set(known.backends[1:])
        for backend in known.backends:
            assert set(known.precisions_of(backend)) <= known.precisions.keys()
            assert known.runtimes_of(backend)
