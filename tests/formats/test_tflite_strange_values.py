"""Masks, paddings and small numbers of strangers in `.tflite` files at reduced precision."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from edge_export.baking.export import export_program
from edge_export.formats.tflite.compile import _why_not_onnx, compile
from edge_export.runtimes.run import CompiledFile, RunRequest, run_artifact
from edge_export.spec.agreement import agreement
from edge_export.spec.tensors import IOSpec, TensorSpec


class Attention(nn.Module):
    """Scores of the past alone."""

    def __init__(self, mask: float) -> None:
        super().__init__()
        self.query, self.key, self.last = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 4)
        self.register_buffer("mask", torch.where(torch.ones(6, 6).tril() > 0, 0.0, mask))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = self.query(x) @ self.key(x).mT + self.mask
        return self.last(scores.softmax(2) @ x)


class Pooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.pool, self.last = nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, 2, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.pool(self.first(x)))


class Normalized(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / ((x * x).sum(1, keepdim=True) + 1e-8)


def outputs(network: nn.Module, x: torch.Tensor, precision: str, folder: Path, **options: str) -> np.ndarray:
    """What the file of a network gives, sample by sample."""
    y, layout = network(x[:1]), "NCHW" if x.dim() == 4 else ""
    io = IOSpec((TensorSpec("x", (1, *x.shape[1:]), layout=layout),), (TensorSpec("y", tuple(y.shape), layout=layout),))
    torch.export.save(export_program(network, (x[:1],)), folder / "program.pt2")
    inputs = folder / "inputs.safetensors"
    save_file({"x": x.numpy()}, inputs)
    made = compile(folder / "program.pt2", io, precision, options, folder, inputs)
    file = CompiledFile(format="tflite", path=made.path, io=made.io, member_io=io)
    run_artifact(RunRequest(file=file, inputs=inputs, outputs=folder / "outputs.safetensors", unproven=True))
    return load_file(folder / "outputs.safetensors")["y"]


@pytest.mark.parametrize("mask", [-1e9, torch.finfo(torch.float32).min, -torch.inf])
def test_a_mask_does_not_decide_the_scale_of_static_scores(mask: float, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, x = Attention(mask).eval(), torch.randn(16, 6, 8)
    found = outputs(network, x, "int8", tmp_path, scheme="static")
    assert agreement(network(x).detach().numpy(), found).snr_db > 28


def test_a_padded_pooling_is_static_int8(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, x = Pooled().eval(), torch.randn(16, 3, 9, 9)
    found = outputs(network, x, "int8", tmp_path, scheme="static")
    assert agreement(network(x).detach().numpy(), found).snr_db > 28


def test_a_small_number_stays_float32_so_that_silence_is_not_divided_by_0(tmp_path: Path) -> None:
    x = torch.cat([torch.zeros(1, 8), 100 * torch.rand(3, 8)])
    found = outputs(Normalized().eval(), x, "fp16", tmp_path)
    assert agreement(Normalized()(x).numpy(), found).snr_db > 55


def test_what_the_onnx_exporter_does_not_take_is_named_without_advice_to_report_it() -> None:
    program = export_program(Normalized().eval(), (torch.zeros(1, 8),))
    step, node, cause = (
        RuntimeError("step 3/3: create an issue"),
        RuntimeError("translating node %mul : x"),
        KeyError(1),
    )
    node.__cause__, step.__cause__ = cause, node
    told = _why_not_onnx(step, program)
    where = r"mul \(test_tflite_strange_values.py:\d+ in forward\)"
    assert re.fullmatch(rf"torch's ONNX exporter fails at {where}: KeyError: 1", told)
