"""Torch's recurrent layers and cells, with every option, written as matrix products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from legalized import Function, file_snr, math_error, seeded
from torch import Tensor, nn

from edge_export.baking.export import export_program
from edge_export.files.hashing import bytes_of
from edge_export.formats.legalize import recurrent
from edge_export.formats.legalize.program import legalized

KINDS: tuple[type[nn.RNNBase], ...] = (nn.LSTM, nn.GRU, nn.RNN)


class Everything(nn.Module):
    """Outputs and last states of a layer that begins with a state of its own, in one vector."""

    def __init__(self, layer: nn.RNNBase, batch: int) -> None:
        super().__init__()
        ways, hidden = (2 if layer.bidirectional else 1) * layer.num_layers, layer.hidden_size
        self.layer = layer
        self.h = nn.Parameter(seeded(ways, batch, layer.proj_size or hidden))
        self.c = nn.Parameter(seeded(ways, batch, hidden))

    def forward(self, x: Tensor) -> Tensor:
        given: Any = (self.h, self.c) if isinstance(self.layer, nn.LSTM) else self.h
        y, last = self.layer(x, given)
        return torch.cat([each.flatten() for each in (y, *(last if isinstance(last, tuple) else (last,)))])


@pytest.mark.parametrize(("layers", "bidirectional", "bias"), [(1, False, True), (1, True, True), (2, True, False)])
@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_the_same_mathematics(kind: type[nn.RNNBase], layers: int, bidirectional: bool, bias: bool) -> None:
    torch.manual_seed(0)
    options = {"num_layers": layers, "bidirectional": bidirectional, "bias": bias}
    network = Everything(kind(3, 4, batch_first=layers == 2, **options), batch=2)
    assert math_error(network, seeded(2, 3, 3) if layers == 2 else seeded(3, 2, 3), "coreml") < 1e-12


@pytest.mark.parametrize(
    "layer", [nn.LSTM(3, 6, 2, proj_size=2, bidirectional=True), nn.RNN(3, 4, nonlinearity="relu")], ids=str
)
def test_projections_and_relu_are_the_same_mathematics(layer: nn.RNNBase) -> None:
    assert math_error(Everything(layer, batch=2), seeded(3, 2, 3), "tflite") < 1e-12


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cells_are_the_same_mathematics(cell: Any, bias: bool) -> None:
    def twice(layers: Any, x: Tensor) -> Tensor:
        first = layers.cell(x)
        second = layers.cell(x.flip(0), first)
        return torch.cat(second) if isinstance(second, tuple) else second

    assert math_error(Function(twice, cell=cell(3, 4, bias=bias)), seeded(2, 3), "executorch") < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("format_name", recurrent.CELLS.formats)
def test_files_are_right_at_the_first_and_the_second_call(format_name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    lstm, gru = (kind(3, 4, batch_first=True, bidirectional=True) for kind in (nn.LSTM, nn.GRU))
    network = Function(lambda layers, x: (layers.lstm(x)[0], layers.gru(x)[0]), lstm=lstm, gru=gru)
    assert min(file_snr(network, seeded(1, 3, 3), format_name, tmp_path)) > 110


SHORT = recurrent.Limits(written_out=2, body=3)


@pytest.mark.parametrize(
    ("layer", "format_name"),
    [
        (nn.LSTM(3, 4, 2, bidirectional=True), "executorch"),
        (nn.GRU(3, 4, bidirectional=True), "tflite"),
        (nn.GRU(3, 4, 2, bias=False), "executorch"),
        (nn.RNN(3, 4, nonlinearity="relu"), "tflite"),
        (nn.LSTM(3, 6, proj_size=2), "executorch"),
    ],
    ids=str,
)
@pytest.mark.parametrize("steps", [6, 7])
def test_a_loop_is_the_same_mathematics(
    layer: nn.RNNBase, format_name: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recurrent.LIMITS, format_name, SHORT)
    network = Everything(layer, batch=2)
    assert math_error(network, seeded(steps, 2, 3), format_name) < 1e-12
    program, _ = legalized(export_program(network.double(), (seeded(steps, 2, 3).double(),)), format_name)
    assert any(node.target is torch.ops.higher_order.scan for node in program.graph.nodes)
    network.float()


@pytest.mark.parametrize(("steps", "body"), [(4000, 16), (1000, 10), (997, 12), (20, 10), (17, 16), (5, 5)])
def test_few_steps_are_left_behind_a_loop(steps: int, body: int) -> None:
    assert recurrent.body_steps(steps, 16) == body


@pytest.mark.slow
@pytest.mark.parametrize("format_name", recurrent.LIMITS)
def test_a_long_sequence_has_a_small_file_that_is_right_at_both_calls(format_name: str, tmp_path: Path) -> None:
    steps = recurrent.LIMITS[format_name].written_out + 5
    torch.manual_seed(0)
    network = Function(lambda layers, x: layers.r(x)[0], r=nn.GRU(3, 4, batch_first=True))
    assert min(file_snr(network, seeded(1, steps, 3), format_name, tmp_path)) > 110
    (file,) = (path for path in tmp_path.iterdir() if path.suffix in (".pte", ".mlpackage", ".tflite"))
    assert 0 < bytes_of(file) < 400_000


@pytest.mark.parametrize(
    "layer", [nn.LSTM(3, 4, 2, bidirectional=True), nn.GRU(3, 4, 2), nn.RNN(3, 4, bidirectional=True)], ids=str
)
def test_core_ml_has_long_layers_as_its_own_operators(layer: nn.RNNBase) -> None:
    program, outcomes = legalized(export_program(layer.eval(), (torch.zeros(600, 1, 3),)), "coreml")
    assert not outcomes
    assert any(node.target in recurrent.LAYERS for node in program.graph.nodes)


def test_executorch_refuses_a_long_sequence_for_core_ml_with_the_reason() -> None:
    from edge_export.formats.executorch import coreml

    program = export_program(nn.GRU(2, 2).eval(), (torch.zeros(600, 1, 2),))
    with pytest.raises(ValueError, match=r"gru of 600 steps.*at most 512.*state as an input and an output"):
        coreml.lower(program, "fp32", {})
