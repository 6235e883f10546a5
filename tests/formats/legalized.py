"""How the tests of the rules run a function: as float64 mathematics after the rules, and as a converted file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import compiled_members as members
import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from edge_export.baking.export import export_program
from edge_export.formats.compile_task import COMPILE, CompileRequest
from edge_export.formats.legalize.program import legalized
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.agreement import agreement


class Function(nn.Module):
    """A function of its layers and of x, as a network of one input."""

    def __init__(self, function: Callable[..., Any], **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)


def seeded(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def math_error(network: nn.Module, x: torch.Tensor, format_name: str) -> float:
    """The largest error of the rewritten network in float64, relative to the peak; NaN if no rule rewrote anything."""
    network, wide = network.double().eval(), x.double()
    program, outcomes = legalized(export_program(network, (wide,)), format_name)
    with torch.no_grad():
        expected, actual = network(wide), program.module()(wide)
    network.float()
    assert expected.shape == actual.shape
    error = float((expected - actual).abs().max() / expected.abs().max())
    return error if any(not outcome.reason for outcome in outcomes) else float("nan")


def file_snr(network: nn.Module, x: torch.Tensor, format_name: str, folder: Path) -> list[float]:
    """The SNR in dB of each output of a float32 file, over two calls on other inputs: a state that it kept would show.

    The network returns one tensor or several.
    """
    network.eval()
    calls = [x, x * 0.5]
    with torch.no_grad():
        results = [network(call) for call in calls]
    rows = [[result] if isinstance(result, torch.Tensor) else result for result in results]
    expected = {f"y{index}": np.stack([y.numpy() for y in each]) for index, each in enumerate(zip(*rows, strict=True))}
    outputs = tuple(TensorSpec(name, each.shape[1:]) for name, each in expected.items())
    io = IOSpec((TensorSpec("x", tuple(x.shape)),), outputs)
    torch.export.save(export_program(network, (x,)), folder / "program.pt2")
    request = CompileRequest(
        format=format_name, precision="fp32", program=folder / "program.pt2", io=io, workdir=folder
    )
    done = members.ask(COMPILE, request, format_name)
    save_file({"x": torch.cat(calls).numpy()}, folder / "inputs.safetensors")
    file = CompiledFile(format=format_name, path=folder / done.file, io=done.io, member_io=io)
    run = RunRequest(file=file, inputs=folder / "inputs.safetensors", outputs=folder / "outputs.safetensors")
    members.ask(RUN, run, format_name)
    got = load_file(run.outputs)
    return [agreement(each.reshape(got[name].shape), got[name]).snr_db for name, each in expected.items()]
