"""The gate computes the published formula for any number of active sub-modules."""

import pytest
import torch

from edge_export.mothers.band_split.tac import TACGate, gated_mean


@pytest.mark.parametrize("count", [1, 2, 5])
def test_gate_is_transform_average_concatenate(count: int) -> None:
    torch.manual_seed(count)
    gate = TACGate(8, 4)
    outputs = torch.randn(count, 3, 6, 8)
    transformed = gate.transform_activation(gate.transform(outputs))
    average = gate.average_activation(gate.average(transformed.mean(0)))
    joined = torch.cat([transformed, average.expand_as(transformed)], dim=-1)
    expected = torch.sigmoid(gate.concatenate(joined))
    assert torch.allclose(gate(outputs), expected, atol=1e-6)
    assert gate(outputs).shape == (count, 3, 6, 1)


def test_gate_depends_on_its_company() -> None:
    torch.manual_seed(0)
    gate, outputs = TACGate(8, 4), torch.randn(3, 5, 8)
    assert not torch.allclose(gate(outputs)[:2], gate(outputs[:2]))


def test_without_gate_it_is_the_mean() -> None:
    outputs = torch.randn(4, 5, 8)
    assert torch.equal(gated_mean(outputs, None), outputs.mean(0))
