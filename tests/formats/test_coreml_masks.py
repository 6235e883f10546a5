"""Masks of Core ML files that compute in float16: where all scores are masked, softmax is no NaN."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from edge_export.baking.export import export_program
from edge_export.formats.coreml.compile import compile
from edge_export.runtimes.run import CompiledFile, RunRequest, run_artifact
from edge_export.spec.tensors import IOSpec, TensorSpec

IO = IOSpec((TensorSpec("x", (1, 6)),), (TensorSpec("y", (1, 6)),))


class Filled(nn.Module):
    """Scores of positive inputs alone."""

    def __init__(self, mask: float) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.masked_fill(x <= 0, self.mask).softmax(1)


@pytest.mark.parametrize("mask", [-1e9, torch.finfo(torch.float32).min])
def test_a_row_that_is_masked_as_a_whole_is_uniform(mask: float, tmp_path: Path) -> None:
    x = torch.stack([torch.zeros(6), torch.tensor([1.0, -1.0, 2.0, -2.0, 0.5, 0.0])])
    torch.export.save(export_program(Filled(mask).eval(), (x[:1],)), tmp_path / "program.pt2")
    save_file({"x": x.numpy()}, tmp_path / "inputs.safetensors")
    made = compile(tmp_path / "program.pt2", IO, "fp16", {}, tmp_path)
    file = CompiledFile(format="coreml", path=made.path, io=made.io, member_io=IO)
    outputs = tmp_path / "outputs.safetensors"
    run_artifact(RunRequest(file=file, inputs=tmp_path / "inputs.safetensors", outputs=outputs))
    np.testing.assert_allclose(load_file(outputs)["y"], Filled(mask)(x).numpy(), atol=2e-3)
    assert any(note.startswith("numbers beyond float16's range") for note in made.notes)
