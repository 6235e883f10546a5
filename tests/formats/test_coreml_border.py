"""Core ML files of networks with integers and bools at their border, and of operators that coremltools lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from legalized import Function
from torch import nn

from edge_export.baking.export import export_program
from edge_export.formats.coreml.compile import compile
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes.mil.runtime import load
from edge_export.runtimes.run import as_member


class Picks(nn.Module):
    def forward(self, x: torch.Tensor, places: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.where(mask, x, -x).gather(1, places), x.argmax(1), mask & (x > 0), places.to(torch.uint8)


def compiled(
    network: nn.Module, inputs: dict[str, torch.Tensor], folder: Path, **options: str
) -> tuple[dict[str, Any], Any]:
    """Returns the outputs of the file in the network's types, and what was compiled."""
    given = tuple(inputs.values())
    returned = network(*given)
    outputs = (returned,) if isinstance(returned, torch.Tensor) else returned
    named = {f"y{index}": output for index, output in enumerate(outputs)}
    specs = [
        tuple(TensorSpec(name, tuple(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in side.items())
        for side in (inputs, named)
    ]
    io = IOSpec(*specs)
    torch.export.save(export_program(network, given), folder / "program.pt2")
    made = compile(folder / "program.pt2", io, "fp32", options, folder)
    run = as_member(load(made.path, made.io), made.io, io)
    results = run({name: tensor.numpy() for name, tensor in inputs.items()})
    for name, expected in named.items():
        assert results[name].dtype == expected.numpy().dtype
        np.testing.assert_allclose(results[name], expected.numpy(), rtol=1e-5, atol=1e-6)
    return results, made


def test_integers_and_bools_cross_as_int32(tmp_path: Path) -> None:
    inputs = {
        "x": torch.randn(1, 6),
        "places": torch.tensor([[5, 0, 3, 3, 1, 2]]),
        "mask": torch.tensor([[True, False, True, True, False, False]]),
    }
    _, made = compiled(Picks(), inputs, tmp_path)
    assert [spec.dtype for spec in made.io.inputs] == ["float32", "int32", "int32"]
    assert [spec.dtype for spec in made.io.outputs] == ["float32", "int32", "int32", "int32"]
    assert "Core ML has no bool inputs and outputs: mask is int32 here" in made.notes


def test_what_coremltools_lacks_is_decomposed_further(tmp_path: Path) -> None:
    network = Function(lambda s, x: torch.where(torch.deg2rad(x) > 0, x, 0.0))
    compiled(network, {"x": torch.randn(1, 5)}, tmp_path, way="decomposed")


def test_a_batch_of_one_before_five_axes_is_left_out(tmp_path: Path) -> None:
    layer = nn.ConvTranspose3d(2, 3, 2)
    network = Function(lambda s, x: s.layer(x.squeeze(0)).unsqueeze(0), layer=layer).eval()
    with torch.no_grad():
        _, made = compiled(network, {"x": torch.randn(1, 2, 2, 3, 3, 3)}, tmp_path)
    assert made.io.inputs[0].shape == (2, 2, 3, 3, 3)
    assert made.io.outputs[0].shape == (2, 3, 4, 4, 4)
