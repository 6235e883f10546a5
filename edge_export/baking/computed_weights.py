"""Replaces weights that are computed anew at each call, by a parametrization or an old hook, by what they are."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.prune import remove as remove_pruning
from torch.nn.utils.spectral_norm import SpectralNorm, remove_spectral_norm
from torch.nn.utils.weight_norm import WeightNorm, remove_weight_norm


def compute_weights(network: nn.Module) -> None:
    """Replaces every parametrization and every old hook that computes a weight by the weight."""
    for layer in list(network.modules()):
        if parametrize.is_parametrized(layer):
            weights = {name: getattr(layer, name) for name in layer.parametrizations}  # type: ignore[union-attr]
            # Not by torch's own function: that changes the class, which copies of the layer share.
            layer.__class__ = type(layer).__bases__[0]
            del layer.parametrizations
            for name, weight in weights.items():
                layer.register_parameter(name, nn.Parameter(weight.detach(), requires_grad=False))
        for hook in list(layer._forward_pre_hooks.values()):
            if isinstance(hook, WeightNorm):
                remove_weight_norm(layer, hook.name)
            elif isinstance(hook, SpectralNorm):
                remove_spectral_norm(layer, hook.name)
            elif isinstance(hook, BasePruningMethod):
                remove_pruning(layer, hook._tensor_name)
