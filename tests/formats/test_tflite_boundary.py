"""Values of a TFLite file have the shapes that the network has, also one without axes, and behind merged reshapes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from legalized import Function, seeded
from torch import nn

from edge_export.baking.export import export_program
from edge_export.formats.tflite.compile import compile
from edge_export.formats.tflite.litert import load
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.spec.agreement import agreement

NETWORKS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "largest": lambda s, x: x.squeeze(0).max().unsqueeze(0),
    "any": lambda s, x: (x.squeeze(0) > 0).any().unsqueeze(0),
    "constant": lambda s, x: torch.isreal(x),
    "constant picture": lambda s, x: torch.zeros_like(x.reshape(1, 5, 2, 2)),
    "pooled rows": lambda s, x: torch.nn.functional.max_pool1d(x.reshape(1, -1)[:, :18].reshape(1, 3, 6), 2),
    "least of all": lambda s, x: torch.stack([x.reshape(1, -1).amin(1).reshape(()), x.sum()])[None],
    "transposed products": lambda s, x: x.transpose(1, 2) @ torch.eye(5, 3),
    "volume": lambda s, x: s.c(x.reshape(1, 1, 1, 5, 4)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_an_output_has_its_shape(name: str, tmp_path: Path) -> None:
    network, x = Function(NETWORKS[name], c=nn.ConvTranspose3d(1, 3, 2)).eval(), seeded(1, 5, 4)
    with torch.no_grad():
        expected = network(x)
    output = TensorSpec("y", tuple(expected.shape), str(expected.dtype).removeprefix("torch."))
    io = IOSpec((TensorSpec("x", (1, 5, 4)),), (output,))
    torch.export.save(export_program(network, (x,)), tmp_path / "program.pt2")
    made = compile(tmp_path / "program.pt2", io, "fp32", {}, tmp_path)
    result = load(made.path, made.io)({"x": x.numpy()})["y"]
    assert result.shape == expected.shape
    assert agreement(expected.numpy(), result).snr_db > 100
