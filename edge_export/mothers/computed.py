"""Tensors that a network computed from its parameters and keeps, as the old `weight_norm` keeps the weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def detach_computed(network: nn.Module) -> None:
    """Cuts such tensors off from the parameters in place. PyTorch refuses to copy a network that holds others."""
    import torch

    for module in network.modules():
        for name, value in vars(module).items():
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                vars(module)[name] = value.detach()
