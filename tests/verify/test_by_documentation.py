"""A Core ML file's run names the operators of which nobody has published what Core ML does in every case."""

from __future__ import annotations

import sys
from pathlib import Path

import compiled_members as members
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F

from edge_export.baking.export import export_program
from edge_export.bundle.manifest import Artifact
from edge_export.bundle.numerics import ArtifactRun
from edge_export.formats.compile_task import COMPILE, CompileRequest
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes import runtime_of
from edge_export.runtimes.run import CompiledFile
from edge_export.spec.tolerance import Tolerance
from edge_export.verify.artifact import Reference, measure_artifact
from edge_export.verify.verdict import judge_measured

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "darwin", reason="there, Core ML itself runs the files"),
]
EXACT = Tolerance(snr_db=90.0, max_abs_of_peak=1e-4)


class Largest(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.topk(2, 1)[0]


class Rounded(nn.Module):
    """What other operators are written for."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.round(x * 3) + F.softplus(x)


NETWORKS: dict[str, tuple[nn.Module, tuple[str, ...]]] = {"largest": (Largest(), ("topk",)), "rounded": (Rounded(), ())}


@pytest.mark.parametrize("backend", [("coreml", "mlprogram"), ("executorch", "coreml")], ids=lambda names: names[0])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_run_names_them(name: str, backend: tuple[str, str], tmp_path: Path) -> None:
    network, expected = NETWORKS[name]
    x = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(0))
    y = network.eval()(x)
    io = IOSpec((TensorSpec("x", tuple(x.shape)),), (TensorSpec("y", tuple(y.shape)),))
    torch.export.save(export_program(network, (x,)), tmp_path / "program.pt2")
    request = CompileRequest(
        format=backend[0],
        precision="fp32",
        options={"backend": backend[1]},
        program=tmp_path / "program.pt2",
        io=io,
        workdir=tmp_path,
    )
    done = members.ask(COMPILE, request, backend[0])
    file = CompiledFile(format=backend[0], backend=backend[1], path=tmp_path / done.file, io=done.io, member_io=io)
    save_file({"x": x.numpy()}, tmp_path / "inputs.safetensors")
    save_file({"y": y.numpy()}, tmp_path / "golden.safetensors")
    reference = Reference(
        tmp_path / "inputs.safetensors", tmp_path / "golden.safetensors", None, "top1", "points", None, None
    )
    measured = measure_artifact(
        members.pool(), file, runtime_of(backend[0], None, backend[1]), reference, tmp_path / "work", tmp_path / "log"
    )
    artifact = Artifact(
        format=backend[0],
        backend=backend[1],
        precision="fp32",
        file=None,
        io=None,
        tolerance=EXACT,
        status="passed",
        reason="",
    )
    run = judge_measured(artifact, measured, EXACT)
    assert (run.verdict, run.by_documentation) == ("passed", expected)
    assert ("semantics by documentation only: topk" in run.reason) == bool(expected)
    written = run.model_dump(mode="json")
    assert ("by_documentation" in written) == bool(expected)
    assert ArtifactRun.model_validate(written) == run
