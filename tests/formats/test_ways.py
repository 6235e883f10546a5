"""Every other way to a format makes a file that computes what the network does."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from edge_export.baking.export import export_program
from edge_export.formats import FORMATS
from edge_export.spec.lazy import resolve
from edge_export.spec.tensors import IOSpec, TensorSpec

IO = IOSpec((TensorSpec("x", (1, 3, 8, 8)),), (TensorSpec("y", (1, 6)),))
WAYS = [
    (name, backend, way)
    for name, known in FORMATS.items()
    for backend in known.backends
    for way in known.ways_of(backend)
]


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x).relu().mean((2, 3))).softmax(1)


@pytest.mark.parametrize(("name", "backend", "way"), WAYS)
def test_each_way_makes_a_right_file(name: str, backend: str, way: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, x = Network().eval(), torch.randn(1, 3, 8, 8)
    torch.export.save(export_program(network, (x,)), tmp_path / "program.pt2")
    options = {"backend": backend, "way": way}
    compiled = resolve(FORMATS[name].compile)(tmp_path / "program.pt2", IO, "fp32", options, tmp_path)
    (runtime, *_) = FORMATS[name].runtimes_of(backend)
    run = import_module(runtime.module).load(compiled.path, compiled.io)
    np.testing.assert_allclose(run({"x": x.numpy()})["y"], network(x).detach().numpy(), rtol=1e-4, atol=1e-6)


def test_there_are_ways_to_try() -> None:
    assert [way for name, backend, way in WAYS if (name, backend) == ("executorch", "xnnpack")] == [
        *("stock", "decomposed", "portable")
    ]
    assert [way for name, _, way in WAYS if name == "coreml"] == ["decomposed", "torchscript"]
