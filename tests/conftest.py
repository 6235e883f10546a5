"""Shared by all tests."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def randomise_statistics(module: torch.nn.Module) -> torch.nn.Module:
    """BatchNorm statistics and weights that are nothing like a fresh layer's, so that folding has something to do."""
    for layer in module.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm) and layer.running_mean is not None:
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.3, 3.0)
            if layer.affine:
                torch.nn.init.normal_(layer.weight)
                torch.nn.init.normal_(layer.bias)
    return module.eval()


@pytest.fixture
def randomised():
    return randomise_statistics
