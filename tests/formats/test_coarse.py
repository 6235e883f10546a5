"""Layers that int8 makes coarse are found by what they compute, named, and stay float in every format."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from edge_export.baking.export import export_program
from edge_export.formats import FORMATS
from edge_export.formats.coarse import Coarse, coarse_layers, coarsest_layer, is_coarse
from edge_export.formats.outliers import has_loud_input
from edge_export.runtimes.run import CompiledFile, RunRequest, run_artifact
from edge_export.spec.agreement import agreement
from edge_export.spec.lazy import resolve
from edge_export.spec.tensors import IOSpec, TensorSpec

IO = IOSpec((TensorSpec("x", (1, 64)),), (TensorSpec("y", (1, 8)),))
MILDEST = {"executorch": "weight_only", "coreml": "linear8", "tflite": "weight_only"}


class Outlier(nn.Module):
    """One channel is 1000 times as large as the others, and has weights 1000 times as small."""

    def __init__(self, times: float = 1000.0) -> None:
        super().__init__()
        self.norm, self.wide, self.last = nn.LayerNorm(64), nn.Linear(64, 64), nn.Linear(64, 8)
        with torch.no_grad():
            self.norm.weight[9] = times
            self.wide.weight[:, 9] /= times

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.wide(self.norm(x))) + 0.01 * x)


def written(network: nn.Module, folder: Path) -> np.ndarray:
    """Writes the program and its calibration inputs, and returns what the network gives on them."""
    x = torch.randn(16, 64, generator=torch.Generator().manual_seed(3))
    torch.export.save(export_program(network, (x[:1],)), folder / "program.pt2")
    save_file({"x": x.numpy()}, folder / "inputs.safetensors")
    return network(x).detach().numpy()


@pytest.mark.parametrize(("times", "coarse"), [(1.0, []), (1000.0, ["wide"])])
def test_a_layer_whose_results_would_be_coarse_is_found_and_named(times: float, coarse: list[str], tmp_path: Path):
    torch.manual_seed(0)
    network = Outlier(times).eval()
    written(network, tmp_path)
    program = torch.export.load(tmp_path / "program.pt2")
    found = coarse_layers(program, IO, tmp_path / "inputs.safetensors")
    assert [re.sub(r"\d+", "N", each.place) for each in found] == [
        f"layer {name} (linear, test_coarse.py:N in forward)" for name in coarse
    ]
    assert all(each.snr_db < 20 for each in found)
    assert not has_loud_input(network.wide.weight.detach().numpy())  # the weights alone don't show it


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("", ""),
        ("weights", r"int8 weights cost most at layer wide \(linear, .*\): \d+ dB of its results stay"),
        ("inputs", r"int8 inputs cost most at layer wide \(linear, .*\): \d+ dB of its results stay, because a few .*"),
    ],
)
def test_the_layer_at_which_int8_costs_most_is_named(changed: str, told: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Outlier(1.0).eval()
    with torch.no_grad():
        if changed == "weights":
            network.wide.weight[:, 9] = 1000.0
            network.norm.weight[9] = 0.0
        elif changed == "inputs":
            network.norm.weight[9] = 1000.0
            network.wide.weight[:, 9] = 0.0
    written(network, tmp_path)
    program = torch.export.load(tmp_path / "program.pt2")
    assert re.fullmatch(told, coarsest_layer(program, IO, tmp_path / "inputs.safetensors"))


def test_without_calibration_no_layer_is_coarse(tmp_path: Path) -> None:
    written(Outlier().eval(), tmp_path)
    assert coarse_layers(torch.export.load(tmp_path / "program.pt2"), IO, None) == ()


def test_weights_are_known_in_other_layouts_and_in_float16() -> None:
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((8, 4, 3, 3), np.float32)
    coarse = [Coarse("layer a (conv2d)", 9.0, 40.0, weight)]
    assert is_coarse(weight.transpose(0, 2, 3, 1), coarse)
    assert is_coarse(weight.astype(np.float16), coarse)
    assert not is_coarse(rng.standard_normal((8, 4, 3, 3), np.float32), coarse)
    assert not is_coarse(weight, [])


@pytest.mark.parametrize("format_name", MILDEST)
def test_it_stays_float(format_name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    expected = written(Outlier().eval(), tmp_path)
    inputs = tmp_path / "inputs.safetensors"
    options = {"scheme": MILDEST[format_name]}
    made = resolve(FORMATS[format_name].compile)(tmp_path / "program.pt2", IO, "int8", options, tmp_path, inputs)
    file = CompiledFile(format=format_name, path=made.path, io=made.io, member_io=IO)
    run_artifact(RunRequest(file=file, inputs=inputs, outputs=tmp_path / "outputs.safetensors"))
    assert agreement(expected, load_file(tmp_path / "outputs.safetensors")["y"]).snr_db > 30
    (note,) = [note for note in made.notes if note.startswith("stays float")]
    told = r"stays float, because int8 weights would reduce its results: layer wide \(linear, .* in forward\) to \d+ dB"
    assert re.fullmatch(told, note)
