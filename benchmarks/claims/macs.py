"""The cost of a width."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from edge_export.mothers.us_mobilenet.mother import UsMobileNet
from edge_export.mothers.us_mobilenet.width_space import Width


def macs(network: UsMobileNet, width: float) -> int:
    """Returns the multiply-accumulates of the member at `width` for one image."""
    member, inputs = network.extract(Width(width)), network.example_inputs(Width(width))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        member(*inputs)
    return int(counter.get_total_flops()) // 2
