"""Masks of float32 stay masks in float16: what is beyond its range becomes the last number within."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edge_export.baking.export import export_program
from edge_export.formats.executorch.compile import compile
from edge_export.formats.executorch.runtime import load
from edge_export.spec.tensors import IOSpec, TensorSpec

IO = IOSpec((TensorSpec("x", (1, 6)),), (TensorSpec("y", (1, 6)),))


class Masked(nn.Module):
    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.mask = nn.Buffer(torch.tensor([[0.0, 0, -1e9, 0, -1e9, 0]]))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.mask).softmax(1)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, mask: x.masked_fill(x > 0.5, -1e9),
        lambda x, mask: x + (x > 0.5).float() * -1e9,
        lambda x, mask: x + mask,
        lambda x, mask: x.masked_fill(x > 0.5, torch.finfo(torch.float32).min),
    ],
    ids=["filled", "times", "constant", "least float32"],
)
def test_a_mask_is_one_in_float16(function: Callable[[Tensor, Tensor], Tensor], tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, x = Masked(function).eval(), torch.randn(1, 6)
    torch.export.save(export_program(network, (x,)), tmp_path / "program.pt2")
    compiled = compile(tmp_path / "program.pt2", IO, "fp16", {}, tmp_path)
    assert any("beyond float16's range, such as those of masks, are 65504" in note for note in compiled.notes)
    result = load(compiled.path, IO)({"x": x.numpy()})["y"]
    np.testing.assert_allclose(result, network(x).detach().numpy(), atol=2e-3)
