"""Torch's recurrent layers and cells, with every option, written as matrix products."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from legalized import Function, file_snr, math_error, seeded
from torch import Tensor, nn

from edge_export.baking.export import export_program
from edge_export.formats.legalize import recurrent
from edge_export.formats.legalize.program import legalized, notes

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


def test_a_very_long_sequence_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrent, "MOST_STEPS", 2)
    network = Function(lambda layers, x: layers.r(x)[0], r=nn.GRU(2, 2))
    program = export_program(network, (torch.zeros(3, 1, 2),))
    same, outcomes = legalized(program, "coreml")
    assert same is program
    assert notes(outcomes) == (
        "gru is left as it is: 3 steps of 1 layers are more than 2: give it shorter sequences, and its state as "
        "an input and an output",
    )
