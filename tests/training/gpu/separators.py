"""Small separators for tests of training on a GPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from edge_export.mothers.band_split.mother import SEPARATOR
from edge_export.mothers.band_split.network import BandSplitNetwork, BandSplitSettings

SMALL = dataclasses.replace(SEPARATOR, features=8, hidden=16, gate_hidden=4, mask_hidden=8)


def tiny_network(settings: BandSplitSettings = SMALL) -> BandSplitNetwork:
    torch.manual_seed(0)
    return BandSplitNetwork(settings, depth=2, width=2).train()


def random_spectrum(settings: BandSplitSettings = SMALL, hops: int = 6) -> Tensor:
    """Returns the spectrum of two examples of noise."""
    torch.manual_seed(1)
    audio = torch.randn(2, settings.channels, settings.hop * hops)
    return tiny_network(settings).analysis(audio)


def mask_results(network: BandSplitNetwork, masks: Callable[[], Tensor]) -> dict[str, Any]:
    """Returns the masks of `network`, every gradient and the statistics of its norms."""
    torch.manual_seed(2)
    for name, buffer in network.named_buffers():
        if "running" in name:
            buffer.zero_()
    network.zero_grad()
    result = masks()
    (result * torch.randn(result.shape)).sum().backward()
    gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    statistics = {name: value.clone() for name, value in network.named_buffers() if "running" in name}
    return {"masks": result.detach(), **gradients, **statistics}
