"""The cost of a configuration."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from edge_export.mothers.us_mobilenet.mother import UsMobileNet
from edge_export.mothers.us_mobilenet.width_space import WidthConfig


def macs(network: UsMobileNet, config: WidthConfig) -> int:
    """Returns the multiply-accumulates of the member at `config` for one image."""
    member, inputs = network.extract(config), network.example_inputs(config)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        member(*inputs)
    return int(counter.get_total_flops()) // 2
