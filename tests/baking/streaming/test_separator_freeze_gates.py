"""Constant gates are the mean of the gates' outputs, and nothing else changes."""

from __future__ import annotations

import torch

from edge_export.baking.streaming.freeze_gates import ConstantGates, freeze_gates
from edge_export.mothers.band_split.tac import TACGate


def test_gates_become_their_mean_over_the_batches(member):
    network = member()
    batches = [(torch.randn(2, 1, 4000) * 0.1,) for _ in range(2)]
    frozen = freeze_gates(network, batches)
    assert isinstance(network.layers[1].band.gate, TACGate), "the member itself is left alone"
    seen = []
    network.layers[1].band.gate.register_forward_hook(lambda _m, _i, gates: seen.append(gates.double()))
    with torch.no_grad():
        for batch in batches:
            network(*batch)
    expected = torch.cat([gates.flatten(1) for gates in seen], dim=1).mean(1)
    gate = frozen.layers[1].band.gate
    assert isinstance(gate, ConstantGates)
    assert torch.allclose(gate.means, expected)
    assert not any(isinstance(m, TACGate) for m in frozen.modules())
    assert torch.equal(frozen.mask.networks[0][0].weight, network.mask.networks[0][0].weight)
